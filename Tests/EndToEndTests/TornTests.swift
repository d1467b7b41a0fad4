import ControlSocket
import Foundation
import Testing

/// A writer that takes part by the calls of docs/gate.md: it answers pauses, and writes inside sections only.
final class SectionWriter: Sendable {
    private let client: ControlClient
    private let answers: Task<Void, Never>

    private struct Name: Codable { var name: String }
    private struct Root: Codable { var workspace: String }
    private struct Wait: Codable {
        var seconds: Double
        enum CodingKeys: String, CodingKey { case seconds = "wait_s" }
    }
    private struct Section: Codable { var section: UInt64 }
    private struct Pause: Codable { var pause: UInt64 }

    init(home: String, name: String) async throws {
        let client = try await ControlClient.connect(home: home)
        _ = try await client.call("gate.register", Name(name: name), as: Root.self)
        self.client = client
        answers = Task {
            for await notice in client.notices where notice.kind == "gate.pause" {
                guard let pause = try? JSONDecoder().decode(Pause.self, from: Data(notice.body)) else { continue }
                _ = try? await client.call("gate.paused", pause, as: EmptyReply.self)
            }
        }
    }

    private struct EmptyReply: Codable {}

    func inSection(_ body: () async throws -> Void) async throws {
        let section = try await client.call("gate.enter", Wait(seconds: 60), as: Section.self, timeout: .seconds(90))
        try await body()
        _ = try await client.call("gate.leave", section, as: EmptyReply.self)
    }

    func end() async {
        answers.cancel()
        await client.close()
    }
}

extension EndToEnd {
    private static let groupFiles = 10

    /// `BATON_TORN=500`: so many generations on each of two devices.
    @Test("W1 a group of ten files changed inside a section is in every published revision as one generation")
    func groupsAreNeverTorn() async throws {
        let generations = ProcessInfo.processInfo.environment["BATON_TORN"].flatMap { Int($0) } ?? 30
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            let writing = Running()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (place, member) in mesh.members.prefix(2).enumerated() {
                    group.addTask {
                        defer { writing.end() }
                        try await Self.writeGroups(generations, member, "group-\(place)")
                    }
                }
                // Rounds all the time, as quickly as they go, each with something new: of the same files alone the
                // sixth would be set aside as a loop.
                var number = 0
                while writing.ended < 2 {
                    number += 1
                    try mesh.write("\(number)\n", to: "notes/\(number).md", on: 2)
                    _ = try? await mesh.sync(2)
                }
                try await group.waitForAll()
            }
            try await mesh.converge()
            let seen = try await publishedGenerations(mesh)
            #expect(seen.torn.isEmpty, "torn in \(seen.torn.count) of \(seen.revisions): \(seen.torn.prefix(3))")
            #expect(seen.generations > min(generations, 20) / 2)
            for place in 0..<2 {
                #expect(mesh.read("group-\(place)/part-9", on: 2) == "generation \(generations)\n")
            }
            print("\(seen.revisions) published revisions, \(seen.generations) generations in them, none torn")
        }
    }

    private static func writeGroups(_ generations: Int, _ member: Mesh.Member, _ name: String) async throws {
        let writer = try await SectionWriter(home: member.home, name: name)
        for generation in 1...generations {
            try await writer.inSection {
                for file in 0..<groupFiles {
                    try put("generation \(generation)\n", at: "\(member.workspace)/\(name)/part-\(file)")
                    if file % 3 == generation % 3 { try await Task.sleep(for: .milliseconds(2)) }
                }
            }
            try await Task.sleep(for: .milliseconds(generation % 7))
        }
        await writer.end()
    }

    private struct Seen {
        var revisions = 0
        var generations = 0
        var torn: [String] = []
    }

    /// Walks all published revisions of one device's store.
    private func publishedGenerations(_ mesh: Mesh) async throws -> Seen {
        let store = mesh.members[2].home + "/workspace/repository.git"
        let listed = try await run("/usr/bin/git", ["-C", store, "rev-list", "--first-parent", "refs/baton/main"])
        var seen = Seen()
        var found: Set<String> = []
        for revision in listed.output.split(separator: "\n") {
            seen.revisions += 1
            for place in 0..<2 {
                // The ids of the ten files: equal bytes are one id.
                let tree = try await run("/usr/bin/git", ["-C", store, "ls-tree", "\(revision):group-\(place)"])
                let ids = tree.output.split(separator: "\n").compactMap { $0.split(separator: " ").last?.prefix(40) }
                if tree.status != 0 { continue }
                if Set(ids).count != 1 || ids.count != Self.groupFiles {
                    seen.torn.append("\(revision) group \(place): \(tree.output)")
                }
                found.insert("\(place) \(ids.first ?? "")")
            }
        }
        seen.generations = found.count
        return seen
    }
}

/// Counts those who have ended.
final class Running: @unchecked Sendable {
    // Proof: the count is only touched under the lock.
    private let lock = NSLock()
    private var count = 0
    var ended: Int { lock.withLock { count } }
    func end() { lock.withLock { count += 1 } }
}
