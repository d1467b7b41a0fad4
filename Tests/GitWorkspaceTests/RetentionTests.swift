import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Many rounds by the same code that writes captures, without files: what is measured is the store.
@Suite struct RetentionTests {
    static let files = 100
    static let changed = 26

    /// A store with a round each `every` seconds, the newest at `now`.
    private func store(
        _ scratch: Scratch, rounds: Int, every: Int64, now: Int64, changed: Int = 4
    ) async throws -> (Store, [Revision]) {
        let (path, installation) = (scratch.path + "/state", try await HermeticGit.locate())
        // Not on the threads of other tests: this takes its time.
        return try await BlockingThread.run { _ throws(GitError) in
            let store = try Store.open(state: path, installation: installation, digits: 40)
            return (store, try Self.fill(store, rounds: rounds, every: every, now: now, changed: changed))
        }
    }

    private static func fill(
        _ store: Store, rounds: Int, every: Int64, now: Int64, changed: Int
    ) throws(GitError) -> [Revision] {
        var revisions: [Revision] = []
        var tree = store.emptyTree
        for round in 0..<rounds {
            let batch = ObjectBatch(store)
            var lines: [TreeLine] = []
            for change in 0..<(round == 0 ? files : changed) {
                let file = (round * changed + change) % files
                let text = "file \(file) of round \(round)\n" + String(repeating: "some text of it\n", count: 20)
                let id = try batch.add(.blob, Array(text.utf8))
                let path = Array("folder\(file % 10)/\(file)".utf8)
                lines.append(TreeLine(path: path, new: Version(mode: TreeEntry.file, id: id)))
            }
            tree = try TreeEdit(batch: batch).apply(lines, to: tree)
            let revision = try batch.add(
                commit: ObjectBatch.Commit(
                    tree: tree, parents: revisions.suffix(1), author: "d", email: "d@baton",
                    seconds: now - Int64(rounds - 1 - round) * every, message: "Capture\n\nBaton-Round: 1.1/\(round)\n")
            )
            try batch.finish(refs: [RefChange(name: RefName.main, new: ObjectID(revision))])
            revisions.append(revision)
            if round % 50 == 49 { _ = try store.rollUpPacks(deadline: .seconds(60), cancellation: Cancellation()) }
        }
        return revisions
    }

    @Test func `U4 old rounds go, young ones and pins stay, and a device that joins gets what is left`() async throws {
        let scratch = try Scratch()
        let now = Int64(time(nil))
        let (store, revisions) = try await store(scratch, rounds: 400, every: 86_400, now: now)
        let before = store.size.bytes
        let conflict = try #require(try store.list(store.tree(of: revisions[3])).first?.new?.id)
        let old = try #require(revisions.dropFirst(5).first)
        try store.update([
            RefChange(name: RefName.conflicts + "abc/ours", new: conflict),
            RefChange(name: RefName.imported + "kept", new: ObjectID(old)),
            RefChange(name: RefName.capture(ObjectID(revisions[7])), new: ObjectID(revisions[7])),
            RefChange(name: RefName.capture(ObjectID(revisions[8])), new: ObjectID(revisions[8])),
        ])
        var times = [
            timespec(tv_sec: Int(now) - 91 * 86_400, tv_nsec: 0), timespec(tv_sec: Int(now) - 91 * 86_400, tv_nsec: 0),
        ]
        utimensat(AT_FDCWD, "\(store.path)/\(RefName.capture(ObjectID(revisions[7])))", &times, 0)
        let work = Retention(store: store, policy: RetentionPolicy(days: 90), now: now + 7200)
        let report = try work.cut(head: revisions[399], number: 400)
        // 90 days are 90 rounds here: the number of rounds that always stay decides.
        #expect(report.refs == 1 && report.rounds == 400 - RetentionPolicy.fewestRounds - 1)
        try await sweep(work)
        #expect(store.size.bytes < before * 8 / 10)
        let rounds = PublishedRounds(store: store, head: revisions[399], number: 400)
        #expect(try rounds.newest(.max).count == RetentionPolicy.fewestRounds + 1)
        #expect(try rounds.revision(of: 100) == nil && rounds.revision(of: 390) == revisions[389])
        for kept in [old, revisions[8], revisions[399]] {
            #expect(try store.has(kept))
            for line in try store.list(store.tree(of: kept)) {
                if let id = line.new?.id { #expect(try store.kind(of: id) == .blob) }
            }
        }
        #expect(try !store.has(revisions[20]) && !store.has(revisions[7]))
        #expect(try store.kind(of: conflict) == .blob)
        #expect(try store.git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
        #expect(try work.cut(head: revisions[399], number: 400).isEmpty)
        try await join(store, revisions[399], scratch)
    }

    private func sweep(_ work: Retention) async throws {
        try await BlockingThread.run { cancellation throws(GitError) in try work.sweep(cancellation: cancellation) }
    }

    /// git's own protocol, as for a device without anything.
    private func join(_ store: Store, _ head: Revision, _ scratch: Scratch) async throws {
        let other = try Store.open(state: scratch.path + "/other", installation: store.installation, digits: 40)
        let sockets = try Sockets()
        let path = scratch.path
        async let serving: Void = BlockingThread.run { cancellation throws(GitError) in
            defer { sockets.closeNear() }
            try UploadPack(store: store, cancellation: cancellation, deadline: .seconds(30)).serve(sockets.near)
        }
        try await BlockingThread.run { cancellation throws(GitError) in
            try UploadPack(store: other, cancellation: cancellation, deadline: .seconds(30))
                .fetch(head, over: sockets.far)
            try other.update([RefChange(name: RefName.main, new: ObjectID(head))])
        }
        try? await serving
        #expect(try other.git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
        let rounds = PublishedRounds(store: other, head: head, number: 400)
        #expect(try rounds.newest(.max).count == RetentionPolicy.fewestRounds + 1)
        // The user's repository there gets its first commit, and git finds no hole in it.
        let work = path + "/work"
        mkdir(work, 0o755)
        let scratchFolder = path + "/user"
        mkdir(scratchFolder, 0o755)
        let user = try await UserRepository.create(
            root: work, branch: "main", scratch: scratchFolder, installation: store.installation)
        _ = try await user.fastForward(
            to: head, fromStore: other.path, branch: "main", expected: nil, message: "baton: sync")
        #expect(try await user.git.run(["fsck", "--no-dangling"]).status == 0)
        let count = try await user.git.run(["rev-list", "--count", head.hex]).output
        #expect(String(decoding: count, as: UTF8.self) == "\(RetentionPolicy.fewestRounds + 1)\n")
    }

    @Test func `U4 beyond the size what is older than 30 days goes too, and nothing younger`() async throws {
        let scratch = try Scratch()
        let now = Int64(time(nil))
        // Ten rounds a day, for fifty days.
        let (store, revisions) = try await store(scratch, rounds: 500, every: 8640, now: now)
        #expect(
            try Retention(store: store, policy: RetentionPolicy(days: 90), now: now).cut(
                head: revisions[499], number: 500
            ).isEmpty)
        let small = Retention(store: store, policy: RetentionPolicy(days: 90, bytes: 1), now: now + 7200)
        let report = try small.cut(head: revisions[499], number: 500)
        try await sweep(small)
        let kept = try PublishedRounds(store: store, head: revisions[499], number: 500).newest(.max)
        #expect(report.rounds > 150 && kept.count >= 300 && kept.count < 310)
        for (_, revision) in kept.dropLast() {
            #expect(try store.commit(revision).seconds >= now - 31 * 86_400)
        }
    }

    @Test func `U4 the history that a mesh was founded on stays, and is kept for itself when rounds go`() async throws {
        let scratch = try Scratch()
        let now = Int64(time(nil))
        let (store, revisions) = try await store(scratch, rounds: 500, every: 86_400, now: now)
        // Ten rounds on an old history: nothing of it goes.
        let work = Retention(store: store, policy: RetentionPolicy(days: 90), now: now + 7200)
        #expect(try work.cut(head: revisions[499], number: 10).isEmpty)
        #expect(try work.cut(head: revisions[499], number: 400).rounds > 100)
        try await sweep(work)
        #expect(try store.ref(RefName.founding) == revisions[99])
        #expect(try store.has(revisions[0]) && !store.has(revisions[150]) && store.has(revisions[400]))
        #expect(try work.cut(head: revisions[499], number: 400).isEmpty)
        #expect(try store.git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
    }

    @Test func `U4 a clock that is years behind or ahead lets nothing go early`() async throws {
        let scratch = try Scratch()
        let now = Int64(time(nil))
        let (store, revisions) = try await store(scratch, rounds: 300, every: 60, now: now)
        for years: Int64 in [-20, 20] {
            let batch = ObjectBatch(store)
            let odd = try batch.add(
                commit: ObjectBatch.Commit(
                    tree: store.tree(of: revisions[299]), parents: [revisions[299]], author: "d", email: "d@baton",
                    seconds: now + years * 365 * 86_400, message: "odd\n"))
            try batch.finish(refs: [RefChange(name: RefName.main, new: ObjectID(odd))])
            #expect(
                try Retention(store: store, policy: RetentionPolicy(), now: now).cut(head: odd, number: 301).isEmpty)
        }
    }

    @Test func `U4 ninety days at one round a minute stay under the size`() async throws {
        let scratch = try Scratch()
        let (store, _) = try await store(scratch, rounds: 100, every: 60, now: Int64(time(nil)), changed: Self.changed)
        _ = try store.git.runBlocking(["-c", "pack.window=10", "repack", "-a", "-d", "--quiet"])
        let each = store.size.bytes / 100
        print("bytes a round of \(Self.changed) changed files: \(each)")
        #expect(each * 90 * 24 * 60 < RetentionPolicy().bytes)
    }

    @Test func `the look comes at most every six hours, and the sweep ten minutes after a cut`() {
        let clock = RetentionClock()
        let start = ContinuousClock.now
        #expect(clock.due(at: start) == .cut)
        #expect(clock.due(at: start + .seconds(60)) == nil)
        clock.wasCut(at: start)
        #expect(clock.due(at: start + .seconds(599)) == nil)
        #expect(clock.due(at: start + .seconds(600)) == .sweep)
        #expect(clock.due(at: start + .seconds(601)) == nil)
        #expect(clock.due(at: start + Limits.retentionLook) == .cut)
    }
}
