import Locks
import Primitives
import Testing

/// Random logs on the lock table and on its twin. A failure prints the seed, which replays it.
@Suite struct LockTablePropertyTests {
    static let seeds: Range<UInt64> = 0..<400
    static let commandsPerSeed = 150

    private func randomCommand(_ random: inout SeededGenerator, _ table: LockTable) throws -> LockCommand {
        let name = try lock(Int(random.below(3)))
        let device = DeviceID(number: 1 + random.below(6))
        // Mostly the present token, now and then one of the past or the future.
        let current = table.grant(of: name)?.token ?? table.newestToken
        let token = random.chance(perMillion: 700_000) ? current : token(random.below(table.counter + 2))
        switch random.below(20) {
        case 0..<9:
            let ttl = Duration.seconds(Int64(1 + random.below(5)))
            return .acquire(name, device: device, ttl: ttl, waits: random.chance(perMillion: 800_000))
        case 9..<12: return .release(name, token: token)
        case 12..<15: return .transfer(name, token: token, to: device)
        case 15..<18: return .expire(name, token: token, term: Term(1 + random.below(2)))
        case 18: return .cancel(name, device: device)
        default: return .forget(device)
        }
    }

    @Test func theTableEqualsItsTwinAfterEveryCommand() throws {
        for seed in Self.seeds {
            var random = SeededGenerator(seed: seed)
            var log = Recorded()
            var twin = LockTableTwin()
            for step in 0..<Self.commandsPerSeed {
                let command = try randomCommand(&random, log.table)
                let term = Term(1 + random.below(2))
                let outcome = log.apply(command, term: term)
                try #require(outcome == twin.apply(command, term: term), "seed \(seed), step \(step): \(command)")
                for name in try (0..<3).map(lock) {
                    try #require(log.table.grant(of: name)?.token == twin.holder(name)?.token, "seed \(seed)")
                    try #require(log.table.grant(of: name)?.holder == twin.holder(name)?.device, "seed \(seed)")
                    try #require(log.table.waiters(of: name) == twin.waiting(name).map(\.device), "seed \(seed)")
                }
            }
        }
    }

    /// Protocol.md, section 8, invariant 2; and what a transfer, an old term and a snapshot must not do.
    @Test func tokensOnlyGrowAndNoLockHasTwoGrants() throws {
        for seed in Self.seeds {
            var random = SeededGenerator(seed: seed)
            var log = Recorded()
            var newest = FencingToken.none
            var seen = log.events.count
            for _ in 0..<Self.commandsPerSeed {
                let command = try randomCommand(&random, log.table)
                let term = Term(1 + random.below(2))
                let before = log.table
                log.apply(command, term: term)
                for case .granted(_, let grant, _) in log.events[seen...] {
                    try #require(grant.token > newest, "seed \(seed): \(command)")
                    newest = grant.token
                }
                seen = log.events.count
                let names = log.table.grants.map(\.name)
                try #require(zip(names, names.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed): a name twice")
                try checkUntouched(command, term, before, log.table, seed)
                let restored = LockTable(
                    epoch: log.table.epoch, counter: log.table.counter, grants: log.table.grants)
                try #require(restored == log.table, "seed \(seed): the snapshot is refused")
            }
        }
    }

    private func checkUntouched(
        _ command: LockCommand, _ term: Term, _ before: LockTable, _ after: LockTable, _ seed: UInt64
    ) throws {
        if case .expire(_, _, let proposed) = command, proposed != term {
            try #require(after == before, "seed \(seed): an expiry of another term changed something")
        }
        if case .transfer(let name, _, _) = command, before.grant(of: name) != nil {
            try #require(after.grant(of: name) != nil, "seed \(seed): a transfer left the lock free")
        }
        // A lock somebody waits for is never free.
        for held in before.grants where !held.waiters.isEmpty {
            try #require(after.grant(of: held.name) != nil, "seed \(seed): free although somebody waited")
        }
    }
}
