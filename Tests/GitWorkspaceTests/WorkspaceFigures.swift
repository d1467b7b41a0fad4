import Foundation
import Glibc
import Logging
import Primitives
import Testing

@testable import GitWorkspace

/// Figures, not checks: `BATON_FIGURES=1000,10000 swift test -c release -Xswiftc -enable-testing --filter Figures`.
@Suite(.serialized, .enabled(if: getenv("BATON_FIGURES") != nil)) struct WorkspaceFigures {
    static var sizes: [Int] {
        getenv("BATON_FIGURES").map { String(cString: $0).split(separator: ",").compactMap { Int($0) } } ?? []
    }

    private func populate(_ scratch: Scratch, files: Int) throws {
        for number in 0..<files {
            let text = String(repeating: "file \(number) some text of a line\n", count: 40 + number % 50)
            try scratch.write("work/d\(number % 97)/e\(number % 11)/f\(number)", text)
        }
    }

    private func edit(_ device: MeshFixture.Device, _ numbers: Range<Int>, _ step: Int) throws {
        for number in numbers {
            let text = String(repeating: "changed \(number) in step \(step)\n", count: 60)
            try device.write("d\(number % 97)/e\(number % 11)/f\(number)", text)
        }
    }

    /// Durations by what was done, in order of first use.
    private struct Times {
        var entries: [(name: String, durations: [Duration])] = []

        mutating func add(_ name: String, _ duration: Duration) {
            if let index = entries.firstIndex(where: { $0.name == name }) {
                entries[index].durations.append(duration)
            } else {
                entries.append((name, [duration]))
            }
        }

        mutating func measure<Value>(_ name: String, _ body: () async throws -> Value) async throws -> Value {
            let start = ContinuousClock.now
            let value = try await body()
            add(name, ContinuousClock.now - start)
            return value
        }

        func report(files: Int) {
            for (name, durations) in entries {
                let sorted = durations.map { Double($0.wholeNanoseconds) / 1e6 }.sorted()
                let (median, least) = (sorted[sorted.count / 2], sorted[0])
                print("figure: \(files) files, \(name): " + String(format: "%.1f, least %.1f ms", median, least))
            }
        }
    }

    @Test(arguments: sizes) func rounds(files: Int) async throws {
        var mesh = try await MeshFixture(3) { number, scratch in
            if number == 0 { try self.populate(scratch, files: files) }
        }
        for device in mesh.devices {
            let watcher = WorkspaceWatcher(root: device.root, logger: Logger(label: "figures"))
            await device.workspace.watch(by: watcher)
            await device.workspace.letNewFilesThrough()
        }
        var times = Times()
        let start = ContinuousClock.now
        try await mesh.round()
        times.add("first round", ContinuousClock.now - start)
        for step in 0..<9 {
            _ = try await times.measure("clean capture") {
                try await mesh[0].workspace.capture(round: RoundID(token: .none, sequence: 1))
            }
            for number in 0..<3 { try edit(mesh[number], number * 9..<number * 9 + 9, step) }
            try await Task.sleep(for: .milliseconds(20))
            _ = try await times.measure("dirt, 9 changed") { try await mesh[0].workspace.dirt() }
            try await round(&mesh, &times)
        }
        for step in 0..<9 {
            try edit(mesh[0], 0..<26, 100 + step)
            try await Task.sleep(for: .milliseconds(20))
            _ = try await times.measure("capture, 26 changed") {
                try await mesh[0].workspace.capture(round: RoundID(token: .none, sequence: 1))
            }
        }
        times.report(files: files)
    }

    /// `BATON_FIGURES=1000 BATON_ROUNDS=1000`: what many rounds leave, with maintenance as the agent does it.
    @Test(.enabled(if: getenv("BATON_ROUNDS") != nil)) func growth() async throws {
        let rounds = getenv("BATON_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 0
        var mesh = try await MeshFixture(3) { number, scratch in
            if number == 0 { try self.populate(scratch, files: 1000) }
        }
        for device in mesh.devices {
            let watcher = WorkspaceWatcher(root: device.root, logger: Logger(label: "figures"))
            await device.workspace.watch(by: watcher)
            await device.workspace.letNewFilesThrough()
        }
        try await mesh.round()
        var times = Times()
        var most = 0
        let store = mesh[0].workspace.store
        func kilobytes() throws -> Int {
            let names = try FileManager.default.subpathsOfDirectory(atPath: store.path)
            return try names.reduce(0) { sum, name in
                let facts = try FileManager.default.attributesOfItem(atPath: "\(store.path)/\(name)")
                return sum + (facts[.size] as? Int ?? 0) / 1024
            }
        }
        for step in 0..<rounds {
            for number in 0..<3 { try edit(mesh[number], number * 9..<number * 9 + 9, step) }
            var each = Times()
            try await round(&mesh, &each)
            let name = "rounds \(step / 100 * 100) to \(step / 100 * 100 + 99)"
            for entry in each.entries where entry.name.hasPrefix("whole") { times.add(name, entry.durations[0]) }
            let done = RoundID(token: FencingToken(epoch: 1, counter: 7), sequence: mesh.sequence)
            for device in mesh.devices {
                await device.workspace.abandon(round: done)
                _ = try await times.measure("maintenance, most of it nothing") { try await device.workspace.maintain() }
            }
            if step % 50 == 49 { most = max(most, try kilobytes()) }
        }
        times.report(files: 1000)
        let refs = try store.refs(under: RefName.prefix).count
        let packs = DurableFile.names(in: store.path + "/objects/pack").filter { $0.hasSuffix(".pack") }.count
        print("figure: after \(rounds) rounds \(try kilobytes()) KiB, at most \(most), \(packs) packs, \(refs) refs")
    }

    /// A round of three, one call after the other.
    private func round(_ mesh: inout MeshFixture, _ times: inout Times) async throws {
        let round = mesh.nextRound()
        let start = ContinuousClock.now
        var given: [DeviceCapture] = []
        for number in 0..<3 {
            let workspace = mesh[number].workspace
            let result = try await times.measure("capture, 9 changed") { try await workspace.capture(round: round) }
            guard case .captured(let revision, let base, _, _) = result else { continue }
            given.append(
                DeviceCapture(device: DeviceID(number: UInt64(number + 1)), revision: revision, base: base))
        }
        let fixture = mesh
        for number in 1..<3 {
            try await times.measure("gather one capture") {
                try await fixture.transfer(given[number].revision, from: number, to: 0, captureOf: number)
            }
        }
        let merged = try await times.measure("merge of three") {
            try await fixture[0].workspace.merge(head: fixture.head, captures: given, round: round).revision
        }
        for number in 0..<3 {
            let workspace = mesh[number].workspace
            if number > 0 {
                try await times.measure("send the merge") { try await fixture.transfer(merged, from: 0, to: number) }
            }
            try await times.measure("stage") { try await workspace.stage(merged, round: round) }
        }
        for device in mesh.devices {
            try await times.measure("publish ref") { try await device.workspace.publishedHead(merged) }
            _ = try await times.measure("apply without branch") {
                try await device.workspace.apply(merged, round: round, moveBranch: false)
            }
            _ = try await times.measure("branch and index") { try await device.workspace.followBranch(merged) }
        }
        mesh.head = merged
        times.add("whole round of three, in sequence", ContinuousClock.now - start)
    }
}
