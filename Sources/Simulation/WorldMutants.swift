import Consensus
import DeviceCore
import Primitives

// Where a mutant changes not the core but the model of what the core rests on: clocks, disks, gates.

extension World {
    var mutants: MutantSet { scenario.mutants }

    /// What the core of `node` measures with: the clock that counts suspend, if nobody planted another.
    func deviceTime(_ node: Int) -> Instant {
        if mutants.has(.leaseByWallClock) {
            // The core takes a clock that goes back for one that stands still.
            return max(
                Instant(sinceOrigin: .wholeNanoseconds(nodes[node].clock.wall(at: now))), nodes[node].steppedAt)
        }
        if mutants.has(.leaseByStoppingClock) {
            return Instant(sinceOrigin: .wholeNanoseconds(nodes[node].clock.awake(at: now)))
        }
        return nodes[node].clock.instant(at: now)
    }

    /// The control without fencing shows what is lost then; that no token was looked at is no news.
    func isBesideThePoint(_ check: CheckID) -> Bool {
        let ofTokens: [CheckID] = [
            .fence, .staleIsRefused, .tokenDurableFirst, .publishedUnderToken, .leaderHoldsToken, .hubStaleToken,
        ]
        return mutants.has(.noFencing) && ofTokens.contains(check)
    }

    /// When that clock shows `instant`.
    func trueTime(of instant: Instant, at node: Int) -> TrueTime {
        var local = instant.sinceOrigin.wholeNanoseconds
        if mutants.has(.leaseByWallClock) { local &-= nodes[node].clock.wallOffset }
        if mutants.has(.leaseByStoppingClock) { local &+= nodes[node].clock.asleep }
        return nodes[node].clock.trueTime(of: local)
    }

    /// The time constants of this run.
    var timing: TimingProfile {
        var timing = scenario.timing
        if mutants.has(.heartbeatHalved) { timing.heartbeat = timing.heartbeat / 2 }
        return timing
    }

    /// True if the disk said no and nobody listened.
    mutating func diskRefusesSilently(_ node: Int) -> Bool {
        mutants.has(.fsyncErrorSwallowed) && !isHealing && nodes[node].draws.disk.chance(perMillion: 100_000)
    }

    /// What a write of `update` leaves if the power goes in the middle of it and nobody checks: its last entry is not
    /// what it was.
    mutating func tear(_ node: Int, _ update: DeviceUpdate) {
        guard mutants.has(.tornTailTrusted), let last = update.raft.entries.last else { return }
        var torn = update
        torn.raft.entries.removeLast()
        torn.raft.entries.append(MeshEntry(term: last.term, index: last.index, payload: .noop))
        write(node, torn)
    }

    /// A state that cannot be read is taken for none.
    mutating func forgetUnreadable(_ node: Int) {
        guard mutants.has(.corruptStartsFresh), nodes[node].incarnation > 1, !isHealing,
            nodes[node].draws.crash.below(8) == 0
        else { return }
        nodes[node].disk = .initial(of: nodes[node].id, founds: false)
    }

    /// A leader that counts itself before its entry is durable goes on while the disk is at work.
    mutating func countsEarly(_ node: Int) -> Bool {
        guard mutants.has(.leaderCountsEarly), nodes[node].glance.leadsQuorum, output.persist.acceptedToken == nil,
            output.persist.raft.hardState == nil, output.persist.raft.snapshot == nil, output.persist.stops == nil
        else { return false }
        nodes[node].lateWrites.append(output.persist)
        output.persist = DeviceUpdate()
        let delay = nodes[node].draws.disk.delay(scenario.disk.delay)
        queue.push(.diskDone(node, incarnation: nodes[node].incarnation), at: now + delay)
        return true
    }

    mutating func writeLate(_ node: Int) {
        guard !nodes[node].lateWrites.isEmpty else { return }
        let late = nodes[node].lateWrites
        nodes[node].lateWrites = []
        for update in late { write(node, update) }
    }
}
