import Foundation
import Primitives

/// A person at one device: edits, renames and deletes files, commits, rebases, and switches branches. What git refuses
/// because somebody else is at work is let be, as people do.
struct SoakUser: Sendable {
    let place: Int
    let member: Mesh.Member
    let record: SoakRecord
    let turn: SoakTurn
    let seed: UInt64

    private var folder: String { "user-\(place)" }

    func run(until end: ContinuousClock.Instant) async throws {
        var generator = SeededGenerator(seed: seed)
        var files: [String] = []
        var step = 0
        try write("\(folder)/clash.txt", "begin\n")
        while ContinuousClock.now < end {
            step += 1
            let text = "user \(place) step \(step) \(generator.next())\n"
            switch generator.below(12) {
            case 0..<4:
                let path = "\(folder)/doc-\(generator.below(20)).md"
                try write(path, text)
                if !files.contains(path) { files.append(path) }
            case 4, 5:
                guard let path = files.randomElement(using: &generator) else { continue }
                let moved = "\(folder)/moved/doc-\(step).md"
                try rename(path, moved)
                files.removeAll { $0 == path }
                files.append(moved)
            case 6:
                guard let path = files.randomElement(using: &generator) else { continue }
                try FileManager.default.removeItem(atPath: member.workspace + "/" + path)
                record.wrote(path, nil)
                files.removeAll { $0 == path }
            case 7, 8: try await commit(step)
            case 9: try await visitBranch(step, for: generator.duration(in: .seconds(1) ... .seconds(4)))
            case 10 where step > 5: try await rebase(step, &generator)
            default: break
            }
            try await Task.sleep(for: generator.duration(in: .milliseconds(300) ... .seconds(3)))
        }
    }

    private func write(_ path: String, _ text: String) throws {
        try put(text, at: member.workspace + "/" + path)
        record.wrote(path, text)
    }

    private func rename(_ path: String, _ moved: String) throws {
        let text = try String(contentsOfFile: member.workspace + "/" + path, encoding: .utf8)
        try FileManager.default.createDirectory(
            atPath: "\(member.workspace)/\(folder)/moved", withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: member.workspace + "/" + path, toPath: member.workspace + "/" + moved)
        record.wrote(path, nil)
        record.wrote(moved, text)
    }

    // MARK: Their git

    @discardableResult
    private func git(_ arguments: String...) async throws -> Bool { try await outcome(arguments).status == 0 }

    /// Where another git holds the index for a moment, people try again.
    private func outcome(_ arguments: [String]) async throws -> Outcome {
        let person = ["-c", "user.name=user \(place)", "-c", "user.email=user@example.org", "-c", "gc.auto=0"]
        var tries = 0
        while true {
            let outcome = try await EndToEndTests.run(
                "/usr/bin/git", ["-C", member.workspace] + person + arguments, environment: ["GIT_EDITOR": "true"])
            tries += 1
            guard outcome.status != 0, outcome.errors.contains(".lock"), tries < 60 else { return outcome }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func commit(_ step: Int) async throws {
        guard try await git("add", "-A") else { return record.count("commits refused by git") }
        if try await git("commit", "-qm", "step \(step)") { record.count("commits") }
    }

    /// Another branch with the same files: nothing may be applied meanwhile, and writers go on.
    private func visitBranch(_ step: Int, for time: Duration) async throws {
        guard try await git("checkout", "-q", "-b", "visit-\(step)") else { return }
        try await Task.sleep(for: time)
        try await back()
        record.count("visits of another branch")
    }

    private func back() async throws {
        var said = ""
        for _ in 0..<200 {
            let outcome = try await outcome(["checkout", "-q", "main"])
            if outcome.status == 0 { return }
            said = outcome.errors
            // What was changed beside belongs to that branch.
            try await git("commit", "-qm", "left over", "--", "\(folder)/clash.txt")
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NotInTime(what: "main can be checked out again on \(place): \(said)")
    }

    /// A rebase that stops at a conflict for some seconds. git wants a clean tree for it: this device's writers wait,
    /// those of the others go on.
    private func rebase(_ step: Int, _ generator: inout SeededGenerator) async throws {
        try await turn.take()
        do { try await rebaseAlone(step, &generator) } catch {
            await turn.giveBack()
            throw error
        }
        await turn.giveBack()
    }

    private func rebaseAlone(_ step: Int, _ generator: inout SeededGenerator) async throws {
        let (path, topic) = ("\(folder)/clash.txt", "topic-\(step)")
        guard try await git("add", "-A") else { return }
        _ = try await git("commit", "-qm", "before topic \(step)")
        guard try await git("checkout", "-q", "-b", topic) else { return }
        try put("topic \(step)\n", at: member.workspace + "/" + path)
        // This path alone: with `-a` whatever is not committed yet would be on the topic, and gone from main.
        _ = try await git("commit", "-qm", "on \(topic)", "--", path)
        try await back()
        let mine = "main \(step) \(generator.next())\n"
        try write(path, mine)
        let isCommitted = try await git("commit", "-qm", "beside \(topic)", "--", path)
        guard isCommitted, try await git("checkout", "-q", topic) else { return try await back() }
        var text: String?
        if try await !git("rebase", "-q", "main") {
            try await Task.sleep(for: generator.duration(in: .seconds(1) ... .seconds(3)))
            let settled = "settled \(step) \(generator.next())\n"
            try put(settled, at: member.workspace + "/" + path)
            _ = try await git("add", path)
            if try await git("rebase", "--continue") { text = settled } else { _ = try await git("rebase", "--abort") }
        }
        try await back()
        guard let text, try await git("merge", "-q", "--no-edit", topic) else { return }
        record.wrote(path, text)
        record.count("rebases")
    }
}
