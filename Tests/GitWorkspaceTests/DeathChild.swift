import Foundation
import Glibc
import Primitives
import Synchronization
import Testing

@testable import GitWorkspace

/// A round of three devices in a process of its own: this test binary, started again. At a chosen one of the steps of
/// `DiskStep` it is killed by SIGKILL, so that nothing of it runs any further, as when a machine loses an agent.
enum DeathChild {
    static let test = "GitWorkspaceTests.PlayedDeath/play"
    static let devices = 3

    /// What a child noted before it ended, a line each.
    struct Notes {
        var steps: [String] = []
        /// Captures that were complete: whose, and the revision.
        var captures: [(device: Int, revision: Revision)] = []
        var published: Revision?
        /// Failures of steps on a full disk.
        var failures: [String] = []

        init(_ place: String) {
            for line in DurableFile.read(place + "/notes").map({ String(decoding: $0, as: UTF8.self) })?
                .split(separator: "\n") ?? []
            {
                let words = line.split(separator: " ", maxSplits: 2).map(String.init)
                guard words.count > 1 else { continue }
                switch words[0] {
                case "step": steps.append(words.dropFirst().joined(separator: " "))
                case "captured":
                    if let device = Int(words[1]), let revision = Revision(hex: words[2]) {
                        captures.append((device, revision))
                    }
                case "published": published = Revision(hex: words[1])
                default: failures.append(String(line))
                }
            }
        }
    }

    /// Runs a child to its end. Returns the signal that ended it, or zero.
    static func run(_ place: String, mode: String, at step: Int = .max) throws -> Int32 {
        let binary = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["--testing-library", "swift-testing", "--filter", test]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "BATON_DEATH_PLACE": place, "BATON_DEATH_MODE": mode, "BATON_DEATH_AT": "\(step)",
            "SWIFT_BACKTRACE": "enable=no",
        ]) { $1 }
        let log = place + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let output = FileHandle(forWritingAtPath: log)
        (process.standardOutput, process.standardError) = (output, output)
        try process.run()
        process.waitUntilExit()
        return process.terminationReason == .uncaughtSignal ? process.terminationStatus : 0
    }

    /// The fixture at a place that exists already; its folders stay.
    static func open(_ place: String) async throws -> MeshFixture {
        var mesh = try await MeshFixture(0)
        for number in 0..<devices {
            mesh.devices.append(try await MeshFixture.open(Scratch(existing: "\(place)/\(number)"), number: number))
        }
        mesh.head = try await mesh[0].workspace.head()
        return mesh
    }
}

/// One round as the agent runs it, with a note of all that counts from then on.
struct NotedRound {
    var mesh: MeshFixture
    let round: RoundID
    let note: (String) -> Void

    func run() async throws {
        var captures: [DeviceCapture] = []
        for (number, device) in mesh.devices.enumerated() {
            let result = try await device.workspace.capture(round: round)
            guard case .captured(let revision, let base, _, _) = result else { continue }
            note("captured \(number) \(revision.hex)")
            try await mesh.transfer(revision, from: number, to: 0, captureOf: number)
            captures.append(
                DeviceCapture(device: DeviceID(number: UInt64(number + 1)), revision: revision, base: base))
        }
        let merge = try await mesh[0].workspace.merge(head: mesh.head, captures: captures, round: round)
        for (number, device) in mesh.devices.enumerated() {
            if number > 0 { try await mesh.transfer(merge.revision, from: 0, to: number) }
            try await device.workspace.stage(merge.revision, round: round)
        }
        // Here it is in the log of a majority.
        note("published \(merge.revision.hex)")
        for device in mesh.devices {
            _ = try await device.workspace.apply(merge.revision, round: round, moveBranch: false)
            _ = try await device.workspace.followBranch(merge.revision)
            try await device.workspace.publishedHead(merge.revision)
        }
        for device in mesh.devices {
            await device.workspace.abandon(round: round)
            _ = try await device.workspace.maintain()
        }
    }
}

/// What a child does; passed over in an ordinary run.
@Suite struct PlayedDeath {
    static let environment = ProcessInfo.processInfo.environment

    @Test(.enabled(if: environment["BATON_DEATH_PLACE"] != nil)) func play() async throws {
        let place = try #require(Self.environment["BATON_DEATH_PLACE"])
        let wanted = try #require(Int(Self.environment["BATON_DEATH_AT"] ?? ""))
        let mode = Self.environment["BATON_DEATH_MODE"] ?? ""
        let file = Glibc.open(place + "/notes", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        @Sendable func note(_ line: String) {
            _ = Array((line + "\n").utf8).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        }
        let mesh = try await DeathChild.open(place)
        for device in mesh.devices { try await device.workspace.recover() }
        let round = RoundID(token: FencingToken(epoch: 1, counter: 8), sequence: 1)
        let count = Mutex(0)
        let isFull = Mutex(false)
        DiskStep.listen { what, path in
            let number = count.withLock { count in
                defer { count += 1 }
                return count
            }
            if mode == "count" || number == wanted { note("step \(number) \(what) \(path)") }
            if mode == "kill", number == wanted { kill(getpid(), SIGKILL) }
            guard mode == "full" else { return 0 }
            if number == wanted { isFull.withLock { $0 = true } }
            return isFull.withLock { $0 } && Self.needsRoom(what) ? ENOSPC : 0
        }
        do {
            try await NotedRound(mesh: mesh, round: round, note: note).run()
        } catch {
            note("failed \(error)")
            // The round is given up as the agent does it, still without any room; then there is room again.
            for device in mesh.devices { await device.workspace.abandon(round: round) }
            isFull.withLock { $0 = false }
            for device in mesh.devices { await device.workspace.abandon(round: round) }
            var again = mesh
            if let head = DeathChild.Notes(place).published { again.head = head }
            let next = RoundID(token: round.token, sequence: 2)
            do { try await NotedRound(mesh: again, round: next, note: note).run() } catch {
                note("failed again \(error)")
                throw error
            }
        }
        DiskStep.listen(nil)
        for device in mesh.devices { await device.workspace.close() }
        note("ended well")
        exit(0)
    }

    /// What a full disk refuses: new names and new bytes, not what is taken away or swapped.
    private static func needsRoom(_ what: String) -> Bool {
        let harmless = [
            "done:", "git ", "unguard", "empty", "remove", "exchange", "restore", "rescue", "added", "taken out",
            "marked", "put in place", "change the mode",
        ]
        return !harmless.contains { what.hasPrefix($0) }
    }
}
