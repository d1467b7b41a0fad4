import Dispatch
import Foundation
import Primitives
import Synchronization
import Testing

@testable import GitWorkspace

/// Several who push to one hub at one moment. `BATON_RACES=100` does what a release is checked with.
@Suite(.serialized) struct HubRaceTests {
    /// Twenty pushers leave nothing of a small machine for the tests beside them.
    static let isThorough = ProcessInfo.processInfo.environment["BATON_RACES"] != nil
    static let races = ProcessInfo.processInfo.environment["BATON_RACES"].flatMap { Int($0) } ?? 1

    /// The old leader's push is stopped between the hub's advertisement and its own update, which a `pre-push` hook of
    /// its git does; in that window the new leader takes the fence.
    @Test("a stale leader between advertisement and update never lands", arguments: TestHub.Way.allCases)
    func staleLeader(way: TestHub.Way) async throws {
        try await onThreadOfItsOwn { try Self.staleLeaderBlocking(way) }
    }

    private static func staleLeaderBlocking(_ way: TestHub.Way) throws {
        let hub = try TestHub(way)
        let old = try HubDevice(1, hub, token: 1)
        var head = try old.publish("zero", over: [])
        #expect(try old.mirror(head).hasLanded)
        let new = try HubDevice(2, hub, token: 1)
        for race in 1...races {
            old.token.counter = UInt64(race * 2)
            new.token.counter = UInt64(race * 2 + 1)
            old.settings = []
            #expect(try old.push(old.order(nil, after: old.look(head))).hasLanded)
            let wanted = try old.publish("round \(race)", over: [head])
            let order = old.order(wanted, after: try old.look(head))
            let window = try Window(race)
            old.settings = [("core.hooksPath", window.hooks)]
            let outcome = try window.during({ try old.push(order) }) {
                // The branch stays as it is: only the fence moves.
                let isTaken = try new.push(new.order(nil, after: new.look(nil))).hasLanded
                #expect(isTaken)
            }
            #expect(outcome == .moved)
            #expect(hub.head == head)
            guard case .found(let fence) = try new.look(nil).fence else {
                Issue.record("no fence")
                return
            }
            #expect(fence.token == new.token && fence.device == new.id)
            if race % 10 == 0 {
                // Now and then the new leader's round lands, and the next race starts from there.
                old.settings = []
                new.token.counter = UInt64(race * 2 + 1)
                _ = try new.look(nil)
                let next = try new.publish("landed \(race)", over: [head])
                #expect(try new.mirror(next).hasLanded)
                head = next
                _ = try old.look(nil)
            }
        }
    }

    @Test("the hole that is closed: a lease on a fence that stays as it is is checked by the client alone")
    func unchangedFence() async throws {
        try await onThreadOfItsOwn { try Self.unchangedFenceBlocking() }
    }

    private static func unchangedFenceBlocking() throws {
        let hub = try TestHub(.daemon)
        let (old, new) = (try HubDevice(1, hub, token: 1), try HubDevice(2, hub, token: 2))
        let head = try old.publish("zero", over: [])
        try old.mirror(head)
        let fence = try #require(hub.fence)
        let wanted = try old.publish("stale", over: [head])
        let window = try Window(0)
        let url = hub.address.url
        let git = HubGit(old.store, hub.address, extra: [("core.hooksPath", window.hooks)])
        let status = try window.during({
            try git.push(
                [
                    "--atomic", "--force-with-lease=refs/heads/main:\(head.hex)",
                    "--force-with-lease=refs/baton/fence/main:\(fence.hex)", url,
                    "\(wanted.hex):refs/heads/main", "\(fence.hex):refs/baton/fence/main",
                ], Cancellation()
            ).status
        }) {
            let isTaken = try new.push(new.order(nil, after: new.look(nil))).hasLanded
            #expect(isTaken)
        }
        // Such a push lands although the fence has moved on: this is why each of ours advances it.
        #expect(status == 0 && hub.head == wanted)
    }

    @Test("of many who push at one moment one wins", arguments: TestHub.Way.allCases)
    func twentyPushers(way: TestHub.Way) async throws {
        try await onThreadOfItsOwn { try Self.twentyPushersBlocking(way) }
    }

    private static func twentyPushersBlocking(_ way: TestHub.Way) throws {
        let hub = try TestHub(way)
        let founder = try HubDevice(1, hub, token: 1)
        var head = try founder.publish("zero", over: [])
        try founder.mirror(head)
        let count = isThorough ? 20 : 6
        let devices = try (0..<count).map { try HubDevice(UInt64($0 + 2), hub, token: 2) }
        for race in 1...races {
            let orders = try devices.map { device in
                // One token for all: even a broken lock gives one winner.
                device.token.counter = UInt64(race + 1)
                let report = try device.look(nil)
                #expect(report.head == head)
                return device.order(try device.publish("race \(race) of \(device.id)", over: [head]), after: report)
            }
            let results = Mutex<[Result<HubPushOutcome, any Error>?]>(Array(repeating: nil, count: count))
            // A thread each, or only as many as there are cores would push at one moment.
            let group = DispatchGroup()
            for place in 0..<count {
                DispatchQueue(label: "pusher \(place)").async(group: group) { @Sendable in
                    let result = Result { try devices[place].push(orders[place]) }
                    results.withLock { $0[place] = result }
                }
            }
            group.wait()
            let outcomes = results.withLock { $0.compactMap { $0 } }
            let winners = outcomes.indices.filter { place in
                if case .success(.landed) = outcomes[place] { true } else { false }
            }
            #expect(winners.count == 1)
            let winner = try #require(winners.first)
            #expect(hub.head == orders[winner].branch)
            head = try #require(hub.head)
            for (place, outcome) in outcomes.enumerated() where place != winner {
                if case .success(let lost) = outcome { #expect(lost == .moved) }
            }
        }
    }
}

/// The window between the advertisement of a hub and the update: a `pre-push` hook waits there.
private struct Window {
    let scratch: Scratch
    var hooks: String { scratch.path }

    init(_ number: Int) throws {
        scratch = try Scratch()
        let script = """
            #!/bin/sh
            : > \(scratch.path)/open
            i=0
            while [ ! -e \(scratch.path)/closed ] && [ $i -lt 3000 ]; do sleep 0.01; i=$((i+1)); done
            """
        try scratch.write("pre-push", script, mode: 0o755)
        try waitUntilNobodyWrites(to: scratch.path + "/pre-push")
    }

    /// Runs `work` on another thread, `inside` while its push waits in the window.
    func during<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value, inside: () throws -> Void
    ) throws -> Value {
        let result = Mutex<Result<Value, any Error>?>(nil)
        let queue = DispatchQueue(label: "window")
        queue.async {
            let value = Result { try work() }
            result.withLock { $0 = value }
        }
        let end = ContinuousClock.now + .seconds(20)
        while !scratch.exists("open"), ContinuousClock.now < end { usleep(2000) }
        #expect(scratch.exists("open"))
        try inside()
        try scratch.write("closed", "")
        queue.sync {}
        return try #require(result.withLock { $0 }).get()
    }
}
