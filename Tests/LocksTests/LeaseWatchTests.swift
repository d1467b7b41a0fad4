import Locks
import Primitives
import Testing

@Suite struct LeaseWatchTests {
    private func held() -> Recorded {
        var log = Recorded()
        log.acquire(a)
        return log
    }

    private func leading(_ log: Recorded, from now: Instant = at(0)) -> LeaseWatch {
        var watch = LeaseWatch()
        watch.becameLeader(term: firstTerm, at: now, table: log.table)
        return watch
    }

    @Test func aLeaseRunsItsFullTTLFromTheMomentOfLeadership() {
        let log = held()
        var watch = leading(log, from: at(500))
        #expect(watch.nextDeadline == at(3500))
        #expect(watch.due(at: at(3499), table: log.table).isEmpty)
        let due = watch.due(at: at(3500), table: log.table)
        #expect(due.map(\.name) == [sync])
        #expect(due.map(\.token) == [token(1)])
    }

    @Test func whoDoesNotLeadExpiresAndRenewsNothing() {
        let log = held()
        var watch = LeaseWatch()
        #expect(watch.due(at: at(99_000), table: log.table).isEmpty)
        #expect(watch.renewed(sync, token: token(1), receivedAt: at(1)) == false)
        watch = leading(log)
        watch.steppedDown()
        #expect(watch.due(at: at(99_000), table: log.table).isEmpty)
        #expect(watch.renewed(sync, token: token(1), receivedAt: at(1)) == false)
        #expect(watch.nextDeadline == nil)
    }

    @Test func aRenewalCountsFromItsArrivalAndNeverBackwards() {
        let log = held()
        var watch = leading(log)
        #expect(watch.renewed(sync, token: token(1), receivedAt: at(2000)) == true)
        #expect(watch.renewed(sync, token: token(1), receivedAt: at(1000)) == true)
        #expect(watch.nextDeadline == at(5000))
        #expect(watch.renewed(sync, token: token(9), receivedAt: at(2500)) == false)
        #expect(watch.renewed(.sync, token: .none, receivedAt: at(2500)) == false)
        #expect(watch.nextDeadline == at(5000))
    }

    @Test func anExpiryIsProposedOnceAndItsLeaseNotRenewedAnyMore() {
        var log = held()
        var watch = leading(log)
        #expect(watch.due(at: at(3000), table: log.table).count == 1)
        #expect(watch.due(at: at(9000), table: log.table).isEmpty)
        // The entry is in the log: an answer now would let the holder act beside the next one.
        #expect(watch.renewed(sync, token: token(1), receivedAt: at(3001)) == false)
        log.apply(.expire(sync, token: token(1), term: firstTerm))
        log.acquire(b)
        watch.tableChanged(log.table, at: at(3100))
        #expect(watch.renewed(sync, token: token(2), receivedAt: at(3200)) == true)
        #expect(watch.due(at: at(6200), table: log.table).map(\.token) == [token(2)])
    }

    @Test func anExpiryThatCouldNotBeProposedIsDueAgain() {
        let log = held()
        var watch = leading(log)
        _ = watch.due(at: at(3000), table: log.table)
        watch.notProposed(sync, token: token(1))
        #expect(watch.due(at: at(3010), table: log.table).count == 1)
    }

    @Test func aNewTermStartsAnew() {
        let log = held()
        var watch = leading(log)
        _ = watch.due(at: at(3000), table: log.table)
        watch.becameLeader(term: Term(3), at: at(4000), table: log.table)
        #expect(watch.due(at: at(6999), table: log.table).isEmpty)
        #expect(watch.due(at: at(7000), table: log.table).count == 1)
    }

    @Test func aNewGrantStartsWhenItIsAppliedAndLeavesTheOthersAlone() throws {
        var log = Recorded()
        log.acquire(a, try lock(1))
        log.acquire(a, try lock(3))
        var watch = leading(log)
        log.acquire(b, try lock(2))
        log.acquire(b, try lock(4))
        log.apply(.transfer(try lock(3), token: token(2), to: c))
        watch.tableChanged(log.table, at: at(1000))
        log.apply(.release(try lock(4), token: token(4)))
        #expect(watch.due(at: at(3000), table: log.table).map(\.name) == [try lock(1)])
        #expect(watch.due(at: at(3999), table: log.table).isEmpty)
        #expect(watch.due(at: at(4000), table: log.table).map(\.name) == [try lock(2), try lock(3)])
    }

    /// The retry is answered with the present grant, and the holder acts on it.
    @Test func anAcquireByTheHolderRenews() {
        let log = held()
        var watch = leading(log)
        watch.acquireReceived(sync, from: b, at: at(1000), table: log.table)
        #expect(watch.nextDeadline == at(3000))
        watch.acquireReceived(sync, from: a, at: at(2000), table: log.table)
        #expect(watch.nextDeadline == at(5000))
    }
}
