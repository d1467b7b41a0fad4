import Foundation
import Glibc
import Primitives
import Synchronization
import Testing

@testable import GitWorkspace

/// Counts the steps of an apply and tells one of them.
final class StepCounter: Sendable {
    private let seen = Mutex(0)
    private let wanted: Int
    init(stopAt wanted: Int) { self.wanted = wanted }

    /// True once, when the wanted step comes.
    func isNext() -> Bool {
        seen.withLock { count in
            count += 1
            return count == wanted + 1
        }
    }
    var count: Int { seen.withLock { $0 } }
}

@Suite struct ApplyCrashTests {
    /// Stops at step `stop`; recovers, itself stopped at step `again` if given, then for good.
    private func crash(
        _ bench: ApplyBench, _ changes: [PathChange], _ kind: ApplyCapabilities, at stop: Int, again: Int?
    )
        async throws -> (finished: Bool, step: String)
    {
        let name = Mutex("")
        do {
            var applier = try bench.applier(kind)
            let counter = StepCounter(stopAt: stop)
            applier.onStep = { step throws(ApplyError) in
                guard counter.isNext() else { return }
                name.withLock { $0 = step }
                throw ApplyError.interrupted(step)
            }
            _ = try applier.exchange(try await bench.stage(applier, changes))
            return (true, "")
        } catch ApplyError.interrupted {
            if let again {
                var applier = try bench.applier(kind)
                let counter = StepCounter(stopAt: again)
                applier.onStep = { step throws(ApplyError) in
                    if counter.isNext() { throw ApplyError.interrupted(step) }
                }
                _ = try? applier.recover()
            }
            return (false, name.withLock { $0 })
        }
    }

    @Test(arguments: ApplyBench.kinds, [Int?.none, 1, 4])
    func `A2 a crash at any step leaves each path wholly old or wholly new`(_ kind: ApplyCapabilities, again: Int?)
        async throws
    {
        var step = 0
        var (undone, finished) = (0, 0)
        while true {
            let bench = try ApplyBench()
            let changes = try bench.everyKind()
            let (ended, name) = try await crash(bench, changes, kind, at: step, again: again)
            if ended { break }
            let recovered = try bench.applier(kind).recover()
            let states = changes.map { (change: PathChange) -> String in
                let found = bench.entry(String(decoding: change.path, as: UTF8.self))
                return found == change.new ? "new" : found == change.old ? "old" : "neither"
            }
            #expect(Set(states).count == 1, "\(name): \(states)")
            #expect(states.first != "neither", "\(name)")
            if let report = recovered.first?.report { #expect(report.isComplete, "\(name): \(report)") }
            if states.first == "old" { undone += 1 } else { finished += 1 }
            let applier = try bench.applier(kind)
            #expect(try applier.recover().isEmpty, "\(name)")
            #expect(try applier.discard(bench.round).isEmpty, "\(name)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: applier.stagingPath).isEmpty, "\(name)")
            step += 1
        }
        #expect(undone > 10 && finished > 20)
    }

    /// How a user's edit reaches the file.
    enum Edit: CaseIterable, Sendable {
        case renamedOver
        case inPlace
        case deletedAndMade
    }

    @Test(arguments: ApplyBench.kinds, Edit.allCases)
    func `A1 A2 an edit at any step, then a crash at any later one, loses no byte`(
        _ kind: ApplyCapabilities, _ edit: Edit
    ) async throws {
        for stop in [0, 1, 3, 100] {
            var step = 0
            while try await editAt(step, thenStopAfter: stop, kind, edit) { step += 1 }
            #expect(step > 10)
        }
    }

    /// False when the apply has fewer steps.
    private func editAt(_ step: Int, thenStopAfter stop: Int, _ kind: ApplyCapabilities, _ edit: Edit) async throws
        -> Bool
    {
        let bench = try ApplyBench()
        let changes = [
            bench.change("a", bench.file("old a"), bench.file("new a")),
            bench.change("b", bench.file("old b"), bench.file("new b")),
            bench.change("c", bench.file("old c"), nil), bench.change("d", nil, bench.file("new d")),
        ]
        for name in ["a", "b", "c"] { try bench.put(name, bench.file("old \(name)")) }
        var applier = try bench.applier(kind)
        let editing = StepCounter(stopAt: step)
        let stopping = StepCounter(stopAt: step + stop)
        let writers = (0..<3).map { LateWriter(root: bench.root, name: ["b", "c", "d"][$0]) }
        applier.onStep = { name throws(ApplyError) in
            if editing.isNext() { for writer in writers { writer.write(edit) } }
            if stopping.isNext() { throw ApplyError.interrupted(name) }
        }
        var rescued: [RescuedFile] = []
        do {
            rescued = try applier.exchange(try await bench.stage(applier, changes)).rescued
        } catch ApplyError.interrupted {}
        guard editing.count > step else { return false }
        applier.onStep = { _ throws(ApplyError) in }
        for writer in writers { writer.finish() }
        for round in try applier.recover() { rescued += round.report?.rescued ?? [] }
        rescued += try applier.discard(bench.round)
        let kept = Set(rescued.map { (try? String(contentsOfFile: $0.file, encoding: .utf8)) ?? "" })
        for writer in writers {
            let there = bench.text(writer.name)
            #expect(
                there == writer.text || kept.contains(writer.text),
                "\(writer.name) has \(there ?? "nothing") after \(edit) at step \(step), stopped after \(stop)")
        }
        let a = bench.text("a")
        #expect(a == "old a" || a == "new a")
        return true
    }
}

/// A writer that edits one file at a moment of the test's choice, to as many bytes as before, and sets the mtime back.
final class LateWriter: Sendable {
    let name: String
    let text: String
    private let path: String
    /// A descriptor of a file that could not be opened for writing at once: the writer waits for it.
    private let waiting = Mutex<Int32>(-1)

    init(root: String, name: String) {
        self.name = name
        path = "\(root)/\(name)"
        text = "USR \(name)"
    }

    func write(_ edit: ApplyCrashTests.Edit) {
        var before = stat()
        let existed = lstat(path, &before) == 0
        switch edit {
        case .renamedOver:
            put(path + ".tmp", O_CREAT | O_TRUNC)
            rename(path + ".tmp", path)
        case .deletedAndMade:
            unlink(path)
            put(path, O_CREAT | O_EXCL)
        case .inPlace: put(path, existed ? 0 : O_CREAT | O_EXCL)
        }
        if existed {
            let times = [before.st_atim, before.st_mtim]
            utimensat(AT_FDCWD, path, times, 0)
        }
    }

    private func put(_ file: String, _ flags: Int32) {
        let descriptor = open(file, O_WRONLY | O_NONBLOCK | O_CLOEXEC | flags, 0o644)
        guard descriptor >= 0 else {
            if errno == EWOULDBLOCK { waiting.withLock { $0 = open(file, Int32(0o10000000) | O_CLOEXEC) } }
            return
        }
        fill(descriptor)
    }

    private func fill(_ descriptor: Int32) {
        _ = Array(text.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        close(descriptor)
    }

    /// Lets a waiting writer go on, with the very file that it waited for.
    func finish() {
        let held = waiting.withLock { $0 }
        guard held >= 0 else { return }
        let descriptor = open("/proc/self/fd/\(held)", O_WRONLY | O_CLOEXEC)
        if descriptor >= 0 { fill(descriptor) }
        close(held)
    }
}

extension ApplyCrashTests {
    @Test(arguments: ApplyBench.kinds)
    func `A1 A2 a late edit that a crash left outside comes back into the tree and is reported as late`(
        _ kind: ApplyCapabilities
    ) async throws {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("old"))
        try bench.put("gone", bench.file("old"))
        let changes = [
            bench.change("a", bench.file("old"), bench.file("new")), bench.change("gone", bench.file("old"), nil),
        ]
        for (name, crashes) in [("gone", ["taken out gone"]), ("a", ["exchanged a", "taken out a"])] {
            var applier = try bench.applier(kind)
            let writer = LateWriter(root: bench.root, name: name)
            applier.onStep = { step throws(ApplyError) in
                // The files were compared; the writer comes between that and the swap.
                if step == "exchange \(name)" || step == "take out \(name)" { writer.write(.renamedOver) }
                if crashes.contains(step) { throw ApplyError.interrupted(step) }
            }
            let staged = try await bench.stage(applier, changes.filter { $0.path == Array(name.utf8) })
            #expect(throws: ApplyError.self) { try applier.exchange(staged) }
            #expect(bench.text(name) != writer.text)
            let recovered = try bench.applier(kind).recover()
            #expect(recovered.map(\.report?.late) == [[Array(name.utf8)]])
            #expect(recovered.map(\.report?.applied) == [[]] && recovered.map(\.report?.rescued) == [[]])
            #expect(bench.text(name) == writer.text)
        }
    }
}
