import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Three devices just before a round in which everything happens, and what the round is to make of them. Copied for
/// each child.
final class DeathBench {
    let scratch: Scratch
    /// What stands in every workspace when all is done.
    let expected: [String: String]
    /// By path, every version that may be met on disk in between; nil: that there may be no such file.
    let allowed: [String: Set<String?>]
    let steps: [String]

    private static func template(_ scratch: Scratch) async throws {
        var mesh = try await MeshFixture(0)
        let place = scratch.path + "/template"
        mkdir(place, 0o755)
        for number in 0..<DeathChild.devices {
            mkdir("\(place)/\(number)", 0o755)
            let device = Scratch(existing: "\(place)/\(number)")
            mkdir(device.path + "/work", 0o755)
            if number == 0 {
                for file in 0..<12 { try device.write("work/d\(file % 3)/f\(file)", "base \(file)\n") }
                try device.write("work/lines", (0..<9).map { "line \($0)\n" }.joined())
                try device.write("work/clash", "nobody's\n")
                try device.write("work/run", "#!/bin/sh\n")
                symlink("lines", "\(place)/0/work/link")
            }
            mesh.devices.append(try await MeshFixture.open(device, number: number))
        }
        try await mesh.round()
        try await edit(mesh)
        for device in mesh.devices { await device.workspace.close() }
    }

    /// On all devices at once, of every kind.
    private static func edit(_ mesh: MeshFixture) async throws {
        for number in 0..<DeathChild.devices {
            let device = mesh[number]
            try device.write("d0/f\(number * 3)", "changed by \(number)\n")
            try device.write("new/by-\(number)", "added by \(number)\n", mode: number == 1 ? 0o755 : 0o644)
            device.scratch.remove("work/d1/f\(number * 3 + 1)")
            let lines = (0..<9).map { $0 == number * 4 ? "line \($0) by \(number)\n" : "line \($0)\n" }
            try device.write("lines", lines.joined())
            if number < 2 { try device.write("clash", "of \(number)\n") }
        }
        chmod(mesh[0].root + "/run", 0o755)
        unlink(mesh[1].root + "/link")
        symlink("clash", mesh[1].root + "/link")
        // Larger than what is made in process, and the user's own commit.
        try mesh[2].write("large", String(repeating: "sixteen bytes ok", count: 9 << 16))
        try await mesh[1].userGit("add", "-A")
        try await mesh[1].userGit("commit", "-qm", "by hand")
    }

    init() async throws {
        scratch = try Scratch()
        try await Self.template(scratch)
        let counted = scratch.path + "/counted"
        try Self.copy(scratch.path + "/template", counted)
        let before = try await DeathChild.open(counted)
        let trees = try before.trees()
        for device in before.devices { await device.workspace.close() }
        try #require(try DeathChild.run(counted, mode: "count") == 0)
        let notes = DeathChild.Notes(counted)
        try #require(notes.published != nil && notes.captures.count == DeathChild.devices, "\(notes)")
        steps = notes.steps
        let after = try await DeathChild.open(counted)
        let expected = try after.trees()[0]
        #expect(try after.trees().allSatisfy { $0 == expected })
        self.expected = expected
        var allowed: [String: Set<String?>] = [:]
        for tree in trees + [expected] {
            for path in Set(trees.flatMap(\.keys)).union(expected.keys) {
                allowed[path, default: []].insert(tree[path])
            }
        }
        self.allowed = allowed
        for device in after.devices { await device.workspace.close() }
    }

    private static func copy(_ source: String, _ target: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/cp")
        process.arguments = ["-a", source, target]
        try process.run()
        process.waitUntilExit()
    }

    /// A copy of the moment before the round.
    func place(_ name: String) throws -> String {
        let place = scratch.path + "/" + name
        try Self.copy(scratch.path + "/template", place)
        return place
    }

    /// Everything that must hold when a child ended at a step, and the devices start again.
    func check(_ place: String, _ step: String) async throws {
        let notes = DeathChild.Notes(place)
        var mesh = try await DeathChild.open(place)
        for device in mesh.devices { try await device.workspace.recover() }
        try checkFiles(mesh, step)
        for (number, revision) in notes.captures {
            let store = mesh[number].workspace.store
            let refs = try store.git.runBlocking(
                ["for-each-ref", "--contains=\(revision.hex)", "--count=1", RefName.prefix], accepting: [0, 129])
            #expect(refs.status == 0 && !refs.output.isEmpty, "capture of \(number) is lost, \(step)")
        }
        // A revision that is in the log is the head, whoever died before it was told.
        if let published = notes.published { mesh.head = published }
        mesh.counter = 9
        var last: RoundID?
        for _ in 0..<6 {
            let report = try await mesh.round()
            last = RoundID(token: FencingToken(epoch: 1, counter: mesh.counter), sequence: mesh.sequence)
            for device in mesh.devices { if let last { await device.workspace.abandon(round: last) } }
            if report.isSilent, report.applies.allSatisfy({ $0.isComplete && $0.branchWaiting == nil }) { break }
        }
        for (number, tree) in try mesh.trees().enumerated() {
            let differing = Set(tree.keys).union(expected.keys).filter { tree[$0] != expected[$0] }
            #expect(differing.isEmpty, "device \(number) has another \(differing.sorted()), \(step)")
        }
        for device in mesh.devices { await device.workspace.close() }
        try checkRemains(place, step)
        try await checkVersions(mesh, step)
    }

    private func checkFiles(_ mesh: MeshFixture, _ step: String) throws {
        for (number, tree) in try mesh.trees().enumerated() {
            for path in Set(tree.keys).union(allowed.keys) {
                let isAllowed = allowed[path]?.contains(tree[path]) == true
                #expect(isAllowed, "\(path) on \(number) is \(tree[path]?.prefix(80) ?? "gone"), \(step)")
            }
        }
    }

    /// Nothing that somebody would have to clear away.
    private func checkRemains(_ place: String, _ step: String) throws {
        let names = try FileManager.default.subpathsOfDirectory(atPath: place)
        let odd = names.filter { name in
            let last = name.split(separator: "/").last.map(String.init) ?? ""
            return last.hasSuffix(".lock") || last.hasPrefix("tmp_") || last.hasPrefix(".tmp-")
                || last.hasSuffix(".new") || last.hasSuffix(".keep") || last == "baton-index" || last == "applying"
                || last == "fast-forward" || name.contains("/incoming/") || name.contains("/rescued/")
                || last == "journal.staged" || last == "journal.begun" || name.contains("/refs/baton/staged/")
        }
        #expect(odd.isEmpty, "left behind: \(odd.prefix(5)), \(step)")
    }

    /// Both versions of the conflict can be had on every device, and nothing in a repository is damaged.
    private func checkVersions(_ mesh: MeshFixture, _ step: String) async throws {
        for (number, device) in mesh.devices.enumerated() {
            let reached = try device.workspace.store.git.runBlocking(["rev-list", "--objects", "--all"]).output
            let objects = Set(reached.split(separator: 10).map { String(decoding: $0.prefix(40), as: UTF8.self) })
            for text in ["of 0\n", "of 1\n", expected["large"] ?? ""] {
                let id = BlobHash.id(of: Array(text.utf8), digits: 40)
                #expect(objects.contains(id), "\(text.prefix(20)) cannot be had on \(number), \(step)")
            }
            let fsck = try device.workspace.store.git.runBlocking(
                ["fsck", "--strict", "--no-dangling", "--no-progress"], accepting: Array(0...127))
            #expect(fsck.status == 0, "fsck of \(number): \(fsck.errors), \(step)")
            #expect(try await device.userGit("status", "--porcelain").isEmpty, "status of \(number), \(step)")
            #expect(try await device.userGit("fsck", "--no-dangling", "--no-progress").isEmpty, "\(number), \(step)")
        }
    }
}

/// `BATON_KILL_POINTS=all` takes every step (some minutes); otherwise a few, others in each run.
@Suite(.serialized, .timeLimit(.minutes(60))) struct KillPointTests {
    private static func points(of bench: DeathBench, usually count: Int) -> [Int] {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["BATON_KILL_POINT"].flatMap({ Int($0) }) { return [one] }
        let wish = environment["BATON_KILL_POINTS"] ?? "\(count)"
        let stride = wish == "all" ? 1 : max(1, bench.steps.count / max(1, Int(wish) ?? count))
        return Array(Swift.stride(from: Int.random(in: 0..<stride), to: bench.steps.count, by: stride))
    }

    @Test func `A2 kill -9 before and after every write of a round: nothing is lost, half done or left behind`()
        async throws
    {
        let bench = try await DeathBench()
        #expect(bench.steps.count > 150, "\(bench.steps)")
        let points = Self.points(of: bench, usually: 8)
        var killed = 0
        for point in points {
            let place = try bench.place("kill-\(point)")
            if try DeathChild.run(place, mode: "kill", at: point) == SIGKILL { killed += 1 }
            let step = DeathChild.Notes(place).steps.first ?? "the end"
            try await bench.check(place, "killed at step \(step)")
            try FileManager.default.removeItem(atPath: place)
        }
        print("killed at \(killed) of \(bench.steps.count) steps")
        #expect(killed * 10 >= points.count * 9)
    }

    /// `BATON_KILL_POINTS=all` takes every step.
    @Test func `A2 a disk that is full from any write of a round on: one error, nothing lost, the next round goes on`()
        async throws
    {
        let bench = try await DeathBench()
        let points = Self.points(of: bench, usually: 5)
        var failed = 0
        for point in points {
            let place = try bench.place("full-\(point)")
            #expect(try DeathChild.run(place, mode: "full", at: point) == 0)
            let notes = DeathChild.Notes(place)
            let step = notes.steps.first ?? "the end"
            #expect(notes.failures.last == "ended well", "full at \(step): \(notes.failures)")
            if notes.failures.count > 1 { failed += 1 }
            try await bench.check(place, "full at step \(step)")
            try FileManager.default.removeItem(atPath: place)
        }
        print("a full disk failed \(failed) of \(points.count) rounds")
    }
}
