import AgentRuntime
import ControlSocket
import Foundation
import Primitives
import Testing

/// Three agents, nine writers, three people and a partition a minute: `scripts/soak`.
@Suite(.serialized, .timeLimit(.minutes(120))) struct Soak {
    static let environment = ProcessInfo.processInfo.environment
    static var seconds: Int? { environment["SOAK_SECONDS"].flatMap { Int($0) } }

    @Test(.enabled(if: seconds != nil))
    func `every version that was captured is found again, trees converge, and a mirror outside agrees`()
        async throws
    {
        let seconds = try #require(Self.seconds)
        let seed = Self.environment["SOAK_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...999_999)
        print("soak: \(seconds) s, SOAK_SEED=\(seed)")
        try await Mesh.with(prepare: { workspace in
            for number in 0..<200 { try put("file \(number)\n", at: "\(workspace)/base/d\(number % 9)/\(number).txt") }
        }) { mesh in
            try await mesh.converge()
            let record = SoakRecord(devices: mesh.members.count)
            let end = ContinuousClock.now + .seconds(seconds)
            try await withThrowingTaskGroup(of: Void.self) { group in
                Self.start(mesh.members, record, seed, end, &group)
                try await Self.disturb(mesh, record, seed, end)
                try await group.waitForAll()
            }
            try await Self.settle(mesh)
            try await Self.check(mesh, record)
            print("soak: \(record.summary)")
        }
    }

    private static func start(
        _ members: [Mesh.Member], _ record: SoakRecord, _ seed: UInt64, _ end: ContinuousClock.Instant,
        _ group: inout ThrowingTaskGroup<Void, any Error>
    ) {
        for (place, member) in members.enumerated() {
            let turn = SoakTurn()
            for number in 0..<3 {
                let writer = SoakWriter(
                    place: place, number: number, member: member, record: record, turn: turn,
                    seed: seed &+ UInt64(place * 10 + number))
                group.addTask { try await writer.run(until: end) }
            }
            let user = SoakUser(
                place: place, member: member, record: record, turn: turn, seed: seed &+ UInt64(1000 + place))
            group.addTask { try await user.run(until: end) }
            group.addTask { try await watch(member, place, record, until: end) }
        }
    }

    /// Notes the newest capture of a device, as often as there is another.
    private static func watch(
        _ member: Mesh.Member, _ place: Int, _ record: SoakRecord, until end: ContinuousClock.Instant
    ) async throws {
        let folder = member.home + "/workspace/repository.git/refs/baton/devices"
        while ContinuousClock.now < end {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                let id = (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
                if id.count > 40 { record.saw(capture: String(id.dropLast()), of: place) }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// A device is cut off from one or from both of the others, a minute apart; rounds are asked for now and then.
    private static func disturb(
        _ mesh: Mesh, _ record: SoakRecord, _ seed: UInt64, _ end: ContinuousClock.Instant
    ) async throws {
        var generator = SeededGenerator(seed: seed &+ 77)
        var nextCut = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < end {
            if ContinuousClock.now > nextCut, end - .now > .seconds(25) {
                nextCut = .now + .seconds(60)
                let place = Int(generator.below(3))
                let others = (0..<3).filter { $0 != place && (generator.below(3) > 0 || $0 == (place + 1) % 3) }
                for other in others {
                    for (a, b) in [(place, other), (other, place)] { try await mesh.cut(a, from: b) }
                }
                try await Task.sleep(for: generator.duration(in: .seconds(5) ... .seconds(20)))
                for other in others {
                    for (a, b) in [(place, other), (other, place)] { try await mesh.cut(a, from: b, false) }
                }
                record.count("partitions")
            }
            let report = try? await mesh.sync(Int(generator.below(3)))
            record.count("rounds \(report?.result ?? "that came to nothing")")
            try await Task.sleep(for: generator.duration(in: .milliseconds(200) ... .seconds(2)))
        }
    }

    private static func settle(_ mesh: Mesh) async throws {
        for place in mesh.members.indices {
            let state = try await mesh.git(place, ["status", "--branch", "--porcelain=v2"])
            #expect(state.contains("# branch.head main"), "\(place) is left at \(state.prefix(200))")
        }
        try await mesh.converge(within: .seconds(180))
        for place in mesh.members.indices {
            #expect(try await mesh.git(place, ["status", "--porcelain"]).isEmpty)
        }
    }

    private static func check(_ mesh: Mesh, _ record: SoakRecord) async throws {
        let tree = mesh.tree(0).mapValues { String(decoding: $0, as: UTF8.self) }
        let kept = try await conflictVersions(mesh)
        var inTree = 0
        for (path, text) in record.lastTexts.sorted(by: { $0.key < $1.key }) {
            if tree[path] == text {
                inTree += 1
            } else if let text {
                #expect(kept.contains(text), "\(path): '\(text.suffix(60))' is lost; it is \(tree[path] ?? "gone")")
            } else {
                // Edited elsewhere while it was deleted here: the edit stands.
                #expect(tree[path] == nil, "\(path) was deleted and is \(tree[path] ?? "")")
            }
        }
        print("soak: \(record.lastTexts.count) paths: \(inTree) as written last, the others among the conflicts")
        for (place, member) in mesh.members.enumerated() {
            let store = member.home + "/workspace/repository.git"
            let all = try await run("/usr/bin/git", ["-C", store, "rev-list", "--all"])
            let reached = Set(all.output.split(separator: "\n").map(String.init))
            let captures = record.captures(of: place)
            let lost = captures.subtracting(reached)
            #expect(lost.isEmpty, "captures lost on \(member.name): \(lost.prefix(3)) of \(captures.count)")
            print("soak: \(member.name): \(captures.count) captures seen, all are found again")
            let fsck = try await run("/usr/bin/git", ["-C", store, "fsck", "--strict", "--no-dangling"])
            #expect(fsck.status == 0, "\(fsck.errors)")
            let refs = try await run("/usr/bin/git", ["-C", store, "for-each-ref", "refs/baton"])
            record.count("refs on \(member.name)", refs.output.count { $0 == "\n" })
        }
    }

    /// Every version that a conflict keeps, anywhere.
    private static func conflictVersions(_ mesh: Mesh) async throws -> Set<String> {
        var versions: Set<String> = []
        for member in mesh.members {
            versions.formUnion(try await keptVersions(member.home + "/workspace/repository.git"))
        }
        return versions
    }
}
