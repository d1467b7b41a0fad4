import Locks
import Primitives
import Testing

@Suite struct LockTableTests {
    @Test func aFreeLockIsGrantedUnderTheFirstToken() {
        var log = Recorded()
        #expect(log.acquire(a) == .granted(grant(a, 1)))
        #expect(log.table.grant(of: sync) == grant(a, 1))
        #expect(log.table.isCurrent(token(1), of: sync))
        #expect(log.events == [.granted(sync, grant(a, 1), from: nil)])
    }

    @Test func everyGrantOfAnyLockTakesTheNextToken() throws {
        var log = Recorded()
        #expect(log.acquire(a, try lock(1)) == .granted(grant(a, 1)))
        #expect(log.acquire(b, try lock(2)) == .granted(grant(b, 2)))
        log.apply(.release(try lock(1), token: token(1)))
        #expect(log.acquire(a, try lock(1)) == .granted(grant(a, 3)))
    }

    @Test func askingAgainIsARetry() {
        var log = Recorded()
        log.acquire(a)
        log.acquire(b)
        log.acquire(c)
        let before = log.table
        #expect(log.acquire(a) == .granted(grant(a, 1)))
        #expect(log.acquire(c) == .queued(position: 2))
        #expect(log.table == before)
    }

    @Test func aHeldLockRefusesWhoDoesNotWait() {
        var log = Recorded()
        log.acquire(a)
        #expect(log.acquire(b, waits: false) == .refused(.held(by: grant(a, 1))))
        #expect(log.table.waiters(of: sync).isEmpty)
    }

    @Test func releaseGrantsToTheFirstWaiterInTheSameEntry() {
        var log = Recorded()
        for device in [a, b, c] { log.acquire(device) }
        log.events = []
        #expect(log.apply(.release(sync, token: token(1))) == .done)
        #expect(log.events == [.released(sync, grant(a, 1)), .granted(sync, grant(b, 2), from: a)])
        #expect(log.table.waiters(of: sync) == [c])
    }

    @Test func releaseOfTheLastHolderFreesTheLock() {
        var log = Recorded()
        log.acquire(a)
        log.apply(.release(sync, token: token(1)))
        #expect(log.table.grants.isEmpty)
        #expect(log.apply(.release(sync, token: token(1))) == .refused(.notHeld))
        #expect(log.apply(.transfer(sync, token: token(1), to: b)) == .refused(.notHeld))
        #expect(log.apply(.expire(sync, token: token(1), term: firstTerm)) == .refused(.notHeld))
    }

    @Test func anOldTokenReleasesTransfersExpiresNothing() {
        var log = Recorded()
        log.acquire(a)
        log.apply(.transfer(sync, token: token(1), to: b))
        let before = log.table
        let stale = LockOutcome.refused(.staleToken(current: token(2), given: token(1)))
        #expect(log.apply(.release(sync, token: token(1))) == stale)
        #expect(log.apply(.transfer(sync, token: token(1), to: c)) == stale)
        #expect(log.apply(.expire(sync, token: token(1), term: firstTerm)) == stale)
        #expect(log.table == before)
    }

    @Test func transferLeavesNoInstantWithoutAHolder() {
        var log = Recorded()
        for device in [a, b, c] { log.acquire(device) }
        log.events = []
        #expect(log.apply(.transfer(sync, token: token(1), to: c)) == .granted(grant(c, 2)))
        #expect(log.events == [.transferred(sync, grant(a, 1), to: c), .granted(sync, grant(c, 2), from: a)])
        #expect(log.table.waiters(of: sync) == [b])
    }

    @Test func expiryNeedsTheTermOfItsEntry() {
        var log = Recorded()
        log.acquire(a)
        let before = log.table
        let late = LockCommand.expire(sync, token: token(1), term: Term(1))
        #expect(log.apply(late, term: Term(2)) == .refused(.staleTerm))
        #expect(log.table == before)
        #expect(log.apply(late, term: Term(1)) == .done)
        #expect(log.table.grants.isEmpty)
    }

    @Test func cancelTakesTheWaitButNotTheLease() {
        var log = Recorded()
        for device in [a, b, c] { log.acquire(device) }
        #expect(log.apply(.cancel(sync, device: b)) == .done)
        #expect(log.apply(.cancel(sync, device: a)) == .done)
        #expect(log.table.waiters(of: sync) == [c])
        #expect(log.table.grant(of: sync) == grant(a, 1))
    }

    @Test func aRemovedDeviceWaitsNoMoreAndItsLeaseRunsOut() throws {
        var log = Recorded()
        for device in [a, b, c] { log.acquire(device) }
        log.acquire(c, try lock(1))
        log.acquire(a, try lock(1))
        log.events = []
        #expect(log.apply(.forget(a)) == .done)
        // It may not have heard of it, and acts until its lease ends: nobody else is granted the lock before.
        #expect(log.table.grant(of: sync) == grant(a, 1))
        #expect(log.table.waiters(of: try lock(1)).isEmpty)
        #expect(log.events == [.stoppedWaiting(try lock(1), a), .orphaned(sync, grant(a, 1))])
        log.apply(.expire(sync, token: token(1), term: firstTerm))
        #expect(log.table.grant(of: sync)?.holder == b)
    }

    @Test func afterARecoveryNothingCountsUnderAnEarlierToken() {
        var log = Recorded()
        log.acquire(a)
        log.acquire(b)
        log.table.refound(epoch: 2, survivor: b)
        log.table.refound(epoch: 1, survivor: b)
        // The holder may still act until its lease runs out; it does not know the token that it has in the new epoch.
        #expect(!log.table.isCurrent(token(1), of: sync))
        #expect(log.table.isCurrent(token(2, epoch: 2), of: sync))
        #expect(log.table.waiters(of: sync).isEmpty)
        log.apply(.release(sync, token: token(1)))
        #expect(log.table.grant(of: sync)?.holder == a)
        log.apply(.release(sync, token: token(2, epoch: 2)))
        #expect(log.acquire(b) == .granted(Grant(holder: b, token: token(3, epoch: 2), ttl: ttl)))
    }

    @Test func whoRecoversHoldsNothingAnyMore() {
        var log = Recorded()
        log.acquire(a)
        log.acquire(b)
        log.table.refound(epoch: 2, survivor: a)
        #expect(log.table.grants.isEmpty)
        #expect(log.table.newestToken == token(1, epoch: 2))
        #expect(log.acquire(b) == .granted(Grant(holder: b, token: token(2, epoch: 2), ttl: ttl)))
    }
}

@Suite struct LockLimitTests {
    @Test func noMoreLocksThanTheLimit() throws {
        var log = Recorded()
        for number in 0..<Limits.locks { log.acquire(a, try lock(number)) }
        #expect(log.acquire(a, try lock(Limits.locks)) == .refused(.tooMany(.locks)))
        #expect(log.acquire(b, try lock(7)) == .queued(position: 1))
        log.apply(.release(try lock(3), token: token(4)))
        #expect(log.acquire(a, try lock(Limits.locks)) == .granted(grant(a, UInt64(Limits.locks) + 1)))
    }

    @Test func noMoreWaitersThanTheLimit() {
        var log = Recorded()
        log.acquire(a)
        let others = (0...UInt64(Limits.lockWaiters)).map { DeviceID(number: 10 + $0) }
        for device in others.dropLast() { log.acquire(device) }
        #expect(log.table.waiters(of: sync).count == Limits.lockWaiters)
        #expect(log.acquire(others[Limits.lockWaiters]) == .refused(.tooMany(.waiters)))
        #expect(log.acquire(others[5]) == .queued(position: 6))
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .milliseconds(9), .seconds(3601), .seconds(Int64.max)])
    func anAbsurdTTLIsRefused(ttl: Duration) {
        var log = Recorded()
        #expect(log.apply(.acquire(sync, device: a, ttl: ttl, waits: true)) == .refused(.badTTL))
        #expect(log.table == LockTable())
    }
}

@Suite struct LockSnapshotTests {
    private func busy() throws -> LockTable {
        var log = Recorded()
        for device in [a, b, c] { log.acquire(device) }
        log.acquire(b, try lock(1))
        log.acquire(b, try lock(0))
        log.apply(.transfer(try lock(1), token: token(2), to: a))
        return log.table
    }

    @Test func aSnapshotIsReadBackAsItWas() throws {
        let table = try busy()
        #expect(LockTable(epoch: table.epoch, counter: table.counter, grants: table.grants) == table)
        #expect(table.grants.map(\.name) == [try lock(0), try lock(1), sync])
    }

    @Test func whatNoLogCouldHaveLedToIsRefused() throws {
        let good = try busy().grants
        func refuses(epoch: UInt64 = 1, counter: UInt64 = 9, _ change: (inout [HeldLock]) -> Void) -> Bool {
            var grants = good
            change(&grants)
            return LockTable(epoch: epoch, counter: counter, grants: grants) == nil
        }
        #expect(!refuses { _ in })
        #expect(refuses { $0.swapAt(0, 1) }, "unsorted")
        #expect(refuses { $0.append($0[2]) }, "a name twice")
        #expect(refuses { $0[0].grant.token = $0[1].grant.token }, "a token twice")
        #expect(refuses { $0[0].grant.token.epoch = 2 }, "an epoch to come")
        #expect(refuses(counter: 2) { _ in }, "a token to come")
        #expect(refuses(counter: .max) { _ in }, "no room for another grant")
        #expect(refuses { $0[0].grant.token = .none }, "a token that is never granted")
        #expect(refuses { $0[0].grant.ttl = .zero }, "no lease at all")
        #expect(refuses { $0[2].waiters[0].ttl = .seconds(-1) }, "a wait for no lease")
        #expect(refuses { $0[2].waiters.append($0[2].waiters[0]) }, "a waiter twice")
        #expect(refuses { $0[2].waiters[0].device = $0[2].grant.holder }, "a holder that waits")
    }
}
