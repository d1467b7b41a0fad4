import Foundation
import Glibc
import Primitives
import Synchronization
import Testing

@testable import GitWorkspace

@Suite struct ApplyLateTests {
    @Test(arguments: ApplyBench.kinds)
    func `A1 a late edit of the same size and the same mtime is not replaced`(_ kind: ApplyCapabilities) async throws {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("old 1"))
        try bench.put("b", bench.file("old 2"))
        try bench.put("gone", bench.file("old 3"))
        try bench.put("mode", bench.file("old 4"))
        let applier = try bench.applier(kind)
        let staged = try await bench.stage(
            applier,
            [
                bench.change("a", bench.file("old 1"), bench.file("new 1")),
                bench.change("b", bench.file("old 2"), bench.file("new 2")),
                bench.change("gone", bench.file("old 3"), nil),
                bench.change("mode", bench.file("old 4"), bench.file("new 4")),
            ])
        let before = bench.status("a")
        for name in ["a", "gone"] {
            try bench.scratch.write("work/\(name)", "edit!")
            utimensat(AT_FDCWD, bench.root + "/" + name, [before.st_atim, before.st_mtim], 0)
        }
        chmod(bench.root + "/mode", 0o755)
        let inode = bench.status("a").st_ino
        let report = try applier.exchange(staged)
        #expect(report.late == ["gone", "a", "mode"].map { Array($0.utf8) })
        #expect(report.applied == [Array("b".utf8)])
        #expect(bench.text("a") == "edit!" && bench.text("gone") == "edit!" && bench.text("b") == "new 2")
        #expect(bench.status("a").st_ino == inode)
        #expect(bench.text("mode") == "old 4")
    }

    @Test func `A1 a file held open for writing is deferred, untouched, and applied once it is closed`() async throws {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("old"))
        let change = bench.change("a", bench.file("old"), bench.file("new"))
        let before = bench.status("a")
        let writer = open(bench.root + "/a", O_RDWR | O_CLOEXEC)
        let report = try await bench.apply([change])
        #expect(report.deferred == [Array("a".utf8)])
        let after = bench.status("a")
        #expect(after.st_ino == before.st_ino && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec)
        close(writer)
        try waitUntilNobodyWrites(to: bench.root + "/a")
        #expect(try await bench.apply([change]).isComplete)
        #expect(try bench.applier().keptRounds() == [bench.round])
        #expect(bench.text("a") == "new")
    }

    @Test func `A1 a writer that waits while its file is compared is let through to the file in place`() async throws {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("old"))
        var applier = try bench.applier()
        let path = bench.root + "/a"
        applier.onStep = { step throws(ApplyError) in
            guard step == "exchange a" else { return }
            // Refused at once where a plain open would wait; the apply sees that somebody wants the file.
            let refused = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            #expect(refused == -1 && errno == EWOULDBLOCK)
        }
        let staged = try await bench.stage(applier, [bench.change("a", bench.file("old"), bench.file("new"))])
        #expect(try applier.exchange(staged).deferred == [Array("a".utf8)])
        #expect(bench.text("a") == "old")
    }

    @Test func `A1 both sides made the same edit: taken as applied`() async throws {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("same"))
        let report = try await bench.apply([
            bench.change("a", bench.file("old"), bench.file("same")), bench.change("b", bench.file("old"), nil),
        ])
        #expect(report.isComplete)
    }

    @Test func `A1 a file that is written after it was taken out is handed over, not dropped`() async throws {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("old"))
        let applier = try bench.applier()
        let held = open(bench.root + "/a", Int32(0o10000000) | O_CLOEXEC)
        #expect(try await bench.apply([bench.change("a", bench.file("old"), bench.file("new"))]).isComplete)
        let writer = open("/proc/self/fd/\(held)", O_WRONLY | O_APPEND | O_CLOEXEC)
        _ = write(writer, "!!", 2)
        close(writer)
        close(held)
        let rescued = try applier.discard(bench.round)
        #expect(rescued.map(\.path) == [Array("a".utf8)])
        #expect(try rescued.map { try String(contentsOfFile: $0.file, encoding: .utf8) } == ["old!!"])
    }

    @Test(arguments: [true, false])
    func `A1 every line of a writer that never stops is in the file, was captured, or was handed over`(_ renames: Bool)
        async throws
    {
        let bench = try ApplyBench()
        try bench.put("a", bench.file("start\n"))
        let writer = LineWriter(path: bench.root + "/a", renames: renames)
        writer.start()
        var captured: Set<String> = []
        var rescued: [String] = []
        var applied = 0
        // As many turns as it takes, however quick or slow the machine is.
        let deadline = ContinuousClock.now + .seconds(120)
        var attempt = 0
        while attempt < 150 || ((writer.count <= 100 || applied == 0) && ContinuousClock.now < deadline) {
            attempt += 1
            let seen = bench.text("a") ?? ""
            let report = try await bench.apply([
                bench.change("a", bench.file(seen), bench.file("peer edit \(attempt)\n"))
            ])
            #expect(report.applied.count + report.late.count + report.deferred.count == 1)
            captured.formUnion(seen.split(separator: "\n").map(String.init))
            applied += report.applied.count
            rescued += report.rescued.map(\.file) + (try bench.applier().discard(bench.round)).map(\.file)
        }
        let lines = writer.stop()
        for file in rescued {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            captured.formUnion(text.split(separator: "\n").map(String.init))
        }
        captured.formUnion((bench.text("a") ?? "").split(separator: "\n").map(String.init))
        #expect(lines > 100 && applied > 0)
        #expect((0..<lines).filter { !captured.contains("line \($0)") } == [])
    }
}

/// Adds a line to a file every few milliseconds: by appending, or by renaming a whole new file over it.
final class LineWriter: Sendable {
    private let path: String
    private let renames: Bool
    private let stopping = Mutex(false)
    private let ended = Mutex<Int?>(nil)
    private let written = Mutex(0)

    /// The number of lines written so far.
    var count: Int { written.withLock { $0 } }

    init(path: String, renames: Bool) {
        self.path = path
        self.renames = renames
    }

    func start() {
        let thread = Thread { [self] in
            var lines: [String] = []
            while !stopping.withLock({ $0 }) {
                let line = "line \(lines.count)\n"
                lines.append(line)
                write(renames ? lines.joined() : line)
                written.withLock { $0 = lines.count }
                // Longer and longer rests: on the slowest machine an apply fits into one of them in the end.
                usleep(UInt32(lines.count * 7919 % (5000 + 100 * lines.count)))
            }
            ended.withLock { $0 = lines.count }
        }
        thread.start()
    }

    private func write(_ text: String) {
        let file = renames ? path + ".tmp" : path
        let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | (renames ? O_TRUNC : O_APPEND), 0o644)
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        if renames { rename(file, path) }
    }

    /// The number of lines written.
    func stop() -> Int {
        stopping.withLock { $0 = true }
        while true {
            if let lines = ended.withLock({ $0 }) { return lines }
            usleep(1000)
        }
    }
}
