import Foundation
import Primitives
import Testing

@testable import GitWorkspace

/// Looks at a hub and fenced pushes to it, against real repositories (protocol.md, section 6).
@Suite(.serialized) struct HubTests {
    @Test("a round is mirrored and read back", arguments: TestHub.Way.allCases)
    func mirrored(way: TestHub.Way) async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(way)
            let laptop = try HubDevice(1, hub, token: 5)
            let first = try laptop.publish("one", over: [])
            let empty = try laptop.look(first)
            #expect(empty.head == nil && empty.fence == .absent && empty.roundsBehind == 1 && empty.holdsMirrored)
            let outcome = try laptop.mirror(first)
            guard case .landed(let head, let fence) = outcome else {
                Issue.record("the push did not land: \(outcome)")
                return
            }
            #expect(head == first && hub.head == first && hub.fence == fence.revision)
            let second = try laptop.publish("two", over: [first])
            try laptop.mirror(second)
            let seen = try laptop.look(second)
            #expect(seen.head == second && seen.isPublished && seen.holdsPublished && seen.roundsBehind == 0)
            guard case .found(let newer) = seen.fence else {
                Issue.record("no fence")
                return
            }
            #expect(newer.token == laptop.token && newer.device == laptop.id && newer.mirrored == second)
            // The fence is a log: each push goes on from the one before.
            #expect(try hub.git("log", "--format=%H", "refs/baton/fence/main").split(separator: "\n").count == 2)
            #expect(try hub.git("rev-list", "--parents", "-1", newer.revision.hex).hasSuffix(fence.revision.hex))
        }
    }

    @Test("what a person pushed is fetched, and told apart from what the mesh published")
    func foreignPush() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(.daemon)
            let (laptop, nas) = (try HubDevice(1, hub, token: 5), try HubDevice(2, hub, token: 6))
            let first = try laptop.publish("one", over: [])
            try laptop.mirror(first)
            let persons = try hub.personCommits("person.txt", "hello", over: first)
            let seen = try laptop.look(first)
            #expect(seen.head == persons && !seen.isPublished && seen.holdsPublished && seen.holdsMirrored)
            #expect(seen.base == first && seen.bringsChanges && seen.roundsBehind == 0)
            #expect(try laptop.store.has(persons))
            // Over it nothing is pushed that does not hold it: not by one who knows of it, nor by one who does not.
            let other = try laptop.publish("two", over: [first])
            #expect(throws: GitError.self) { try laptop.push(laptop.order(other, after: seen)) }
            var blind = seen
            blind.head = first
            #expect(try laptop.push(laptop.order(other, after: blind)) == .moved)
            #expect(hub.head == persons)
            let merged = try laptop.publish("three", over: [other, persons])
            #expect(try laptop.mirror(merged).hasLanded)
            #expect(try nas.look(nil).head == merged)
        }
    }

    @Test("a force-push by a person is seen, and overwritten only when a person says so")
    func forcePush() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub()
            let laptop = try HubDevice(1, hub, token: 5)
            let first = try laptop.publish("one", over: [])
            let second = try laptop.publish("two", over: [first])
            try laptop.mirror(second)
            let forced = try hub.personCommits("person.txt", "mine", over: first)
            let seen = try laptop.look(second)
            #expect(!seen.holdsMirrored && !seen.isPublished && seen.base == first)
            let third = try laptop.publish("three", over: [second])
            #expect(throws: GitError.self) { try laptop.push(laptop.order(third, after: seen)) }
            #expect(hub.head == forced)
            #expect(try laptop.push(laptop.order(third, after: seen, replaces: true)).hasLanded)
            #expect(hub.head == third)
            // A rewind is one too.
            _ = try hub.git("update-ref", "refs/heads/main", first.hex)
            let rewound = try laptop.look(third)
            #expect(!rewound.holdsMirrored && rewound.isPublished && rewound.roundsBehind == 2)
        }
    }

    @Test("a newer token on the fence: there is no commit that goes back")
    func lowerToken() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub()
            let (old, new) = (try HubDevice(1, hub, token: 5), try HubDevice(2, hub, token: 6))
            let first = try old.publish("one", over: [])
            try old.mirror(first)
            #expect(try new.push(new.order(nil, after: new.look(nil))).hasLanded)
            let second = try old.publish("two", over: [first])
            #expect(throws: GitError.self) { try old.mirror(second) }
            #expect(hub.head == first)
        }
    }

    @Test("a fence of another mesh, and one that nobody can read, are strangers")
    func foreignFence() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub()
            let laptop = try HubDevice(1, hub, token: 5)
            let stranger = try hub.personCommits("x", "y", over: nil)
            _ = try hub.git("update-ref", "refs/baton/fence/main", stranger.hex)
            #expect(try laptop.look(nil).fence == .foreign(stranger))
            let other = FenceCommit(
                mesh: MeshID(Digest(9, 9, 9, 9)), token: FencingToken(epoch: 1, counter: 1), sequence: 1,
                device: laptop.id,
                mirrored: nil)
            let tree = try hub.git("mktree", "--missing")
            let text =
                "tree \(tree)\nauthor b <b@b> 1 +0000\ncommitter b <b@b> 1 +0000\n\n\(other.message("Baton fence"))"
            let commit = try TestHub.git(
                ["-C", hub.repository, "hash-object", "-w", "-t", "commit", "--stdin"], input: text)
            _ = try hub.git("update-ref", "refs/baton/fence/main", commit)
            #expect(try laptop.look(nil).fence == .foreign(try #require(Revision(hex: commit))))
        }
    }

    @Test("the reply is lost after the push landed: the fence is read back, and the nonce says whose it is")
    func lostReply() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(.daemon)
            let laptop = try HubDevice(1, hub, token: 5)
            let first = try laptop.publish("one", over: [])
            try laptop.mirror(first)
            try hub.hook("post-receive", "kill -9 $PPID")
            let second = try laptop.publish("two", over: [first])
            #expect(try laptop.mirror(second).hasLanded)
            #expect(hub.head == second)
        }
    }

    @Test("a hub that does not want a push says why, and is not taken for a race")
    func refusedByHook() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(.daemon)
            let laptop = try HubDevice(1, hub, token: 5)
            try hub.hook("pre-receive", "exit 1")
            let first = try laptop.publish("one", over: [])
            guard case .refused(let why) = try laptop.mirror(first) else {
                Issue.record("not refused")
                return
            }
            #expect(why.contains("hook") && hub.head == nil && hub.fence == nil)
        }
    }

    @Test("a hub that is not there is a failure in words, with a command to try by hand")
    func away() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub()
            let laptop = try HubDevice(1, hub, token: 5)
            rename(hub.repository, hub.repository + ".away")
            do {
                _ = try laptop.look(nil)
                Issue.record("it was read")
            } catch {
                #expect("\(error)".contains("not reached") && "\(error)".contains("git ls-remote"))
            }
        }
    }
}

/// What servers can do, tried out (git.md, "Hub: the fence").
@Suite(.serialized) struct HubProbeTests {
    @Test("an ordinary server can do everything, and nothing of the trial stays", arguments: TestHub.Way.allCases)
    func ordinary(way: TestHub.Way) async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(way)
            let probe = try HubDevice(1, hub, token: 1).probe()
            #expect(probe.isAtomic && probe.takesOwnRefs && probe.isReadBack && probe.fencing == .fenceRef)
            #expect(try hub.git("for-each-ref") == "")
        }
    }

    @Test("without atomic pushes the branch alone is the fence")
    func notAtomic() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(.daemon)
            _ = try hub.git("config", "receive.advertiseAtomic", "false")
            let laptop = try HubDevice(1, hub, token: 5)
            let probe = try laptop.probe()
            #expect(!probe.isAtomic && probe.takesOwnRefs && probe.fencing == .branchAlone && probe.refusal != nil)
            try tryBranchAlone(hub, laptop)
        }
    }

    @Test("with hidden refs the branch alone is the fence")
    func hiddenRefs() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(.daemon)
            _ = try hub.git("config", "transfer.hideRefs", "refs/baton")
            let laptop = try HubDevice(1, hub, token: 5)
            let probe = try laptop.probe()
            #expect(!probe.takesOwnRefs && probe.fencing == .branchAlone)
            #expect(probe.refusal?.contains("hidden") == true)
            try tryBranchAlone(hub, laptop)
        }
    }

    private func tryBranchAlone(_ hub: TestHub, _ laptop: HubDevice) throws {
        laptop.fencing = .branchAlone
        let nas = try HubDevice(2, hub, token: 9)
        nas.fencing = .branchAlone
        let first = try laptop.publish("one", over: [])
        #expect(try laptop.mirror(first).hasLanded)
        guard case .found(let before) = try laptop.look(first).fence else {
            Issue.record("no token on the branch")
            return
        }
        #expect(before.token == laptop.token)
        // A new leader puts an empty commit with its token on the branch; what the old one knew is no longer true.
        let stale = laptop.order(try laptop.publish("two", over: [first]), after: try laptop.look(first))
        guard case .landed(let top, let fence) = try nas.push(nas.order(nil, after: nas.look(nil))) else {
            Issue.record("no takeover")
            return
        }
        #expect(hub.head == top && top != first && fence.token == nas.token)
        #expect(try hub.git("rev-parse", "main^{tree}") == hub.git("rev-parse", "\(first.hex)^{tree}"))
        #expect(try laptop.push(stale) == .moved)
        #expect(hub.head == top && hub.fence == nil)
    }

    @Test("a server that denies what is no fast-forward is served all the same")
    func denyNonFastForwards() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub(.daemon)
            _ = try hub.git("config", "receive.denyNonFastForwards", "true")
            _ = try hub.git("config", "receive.denyDeletes", "true")
            let laptop = try HubDevice(1, hub, token: 5)
            #expect(try laptop.probe().fencing == .fenceRef)
            var published: [Revision] = []
            for text in ["one", "two", "three"] {
                published.append(try laptop.publish(text, over: published.suffix(1)))
                #expect(try laptop.mirror(published[published.count - 1]).hasLanded)
            }
            #expect(hub.head == published.last)
            try hub.personCommits("x", "y", over: published[0])
            let seen = try laptop.look(published[2])
            guard case .refused = try laptop.push(laptop.order(published[2], after: seen, replaces: true)) else {
                Issue.record("the server's rule was not told")
                return
            }
        }
    }

    @Test("how the two histories are related")
    func relations() async throws {
        try await onThreadOfItsOwn {
            let hub = try TestHub()
            let laptop = try HubDevice(1, hub, token: 5)
            #expect(try laptop.probe().relation == .empty)
            let first = try laptop.publish("one", over: [])
            try laptop.mirror(first)
            #expect(try laptop.probe(first).relation == .same)
            let second = try laptop.publish("two", over: [first])
            #expect(try laptop.probe(second).relation == .behind)
            try hub.personCommits("x", "y", over: first)
            #expect(try laptop.probe(first).relation == .ahead)
            #expect(try laptop.probe(second).relation == .diverged)
            try hub.personCommits("x", "y", over: nil)
            #expect(try laptop.probe(second).relation == .unrelated)
        }
    }
}

/// What can be known without a hub.
@Suite struct FencedPushTests {
    private static let ids = (1...4).compactMap { ObjectID(hex: String(repeating: "\($0)", count: 40)) }

    @Test("a ref that would not change, or would be deleted, cannot be named")
    func leasedRefs() {
        #expect(LeasedRef(.branch("main"), old: Self.ids[0], new: Self.ids[0]) == nil)
        #expect(LeasedRef(.fence("main"), old: Self.ids[0], new: .zero) == nil)
        #expect(
            LeasedRef(.fence("main"), old: nil, new: Self.ids[0])?.lease == "--force-with-lease=refs/baton/fence/main:")
    }

    @Test("every ref that is pushed has its lease, and every lease its ref")
    func arguments() throws {
        let fence = try #require(LeasedRef(.fence("main"), old: Self.ids[0], new: Self.ids[1]))
        let branch = try #require(LeasedRef(.branch("main"), old: Self.ids[2], new: Self.ids[3]))
        for push in [FencedPush.fence(fence), .fenceAndBranch(fence: fence, branch: branch), .branchAlone(branch)] {
            let words = push.arguments("/srv/hub.git")
            let leases = words.filter { $0.hasPrefix("--force-with-lease=") }.compactMap {
                $0.split(separator: "=").last?.split(separator: ":").first
            }
            let refs = words.drop { $0 != "/srv/hub.git" }.dropFirst().compactMap { $0.split(separator: ":").last }
            #expect(leases == refs && !refs.isEmpty)
            #expect(
                words.contains("--atomic") == !words.contains { $0.hasSuffix("refs/heads/main") } || refs.count == 2)
        }
    }

    @Test("only moved refs are success: up to date is none, and a missing line is none")
    func answers() throws {
        let fence = try #require(LeasedRef(.fence("main"), old: Self.ids[0], new: Self.ids[1]))
        let branch = try #require(LeasedRef(.branch("main"), old: Self.ids[2], new: Self.ids[3]))
        let push = FencedPush.fenceAndBranch(fence: fence, branch: branch)
        func answer(_ flags: String...) -> PushAnswer {
            let names = ["refs/baton/fence/main", "refs/heads/main"]
            let lines = zip(flags, names).map { "\($0)\t0123:\($1)\t[words] (why)" }
            return PushAnswer(Array((["To /srv/hub.git"] + lines + ["Done"]).joined(separator: "\n").utf8))
        }
        #expect(answer(" ", " ").isSuccess(of: push) && answer("+", "*").isSuccess(of: push))
        #expect(!answer("=", " ").isSuccess(of: push) && !answer(" ", "!").isSuccess(of: push))
        #expect(
            !answer(" ").isSuccess(of: push) && !answer().isSuccess(of: push) && !answer("-", " ").isSuccess(of: push))
        #expect(answer(" ", "!").isRefusal && answer("=", " ").isRefusal && !answer(" ", " ").isRefusal)
    }

    @Test("of the user's configuration only credentials and the network are taken over")
    func userSettings() {
        let records = [
            "credential.helper\n/usr/bin/helper", "credential.https://git.example/notes.username\nalice",
            "http.proxy\nx:1",
            "core.sshcommand\nssh -i key", "url.git@github.com:.insteadof\nhttps://github.com/", "http.sslverify",
        ]
        let settings = UserGitSettings(Array(records.joined(separator: "\0").utf8) + [0])
        #expect(
            settings.allowed.map(\.0) == [
                "credential.helper", "credential.https://git.example/notes.username", "http.proxy", "http.sslverify",
            ])
        #expect(settings.allowed.last?.1 == "true" && settings.sshCommand == "ssh -i key")
        #expect(settings.rewritten("https://github.com/me/notes") == "git@github.com:me/notes")
        #expect(settings.rewritten("/srv/notes.git") == nil)
    }
}
