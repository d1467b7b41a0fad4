import Consensus
import DeviceCore
import Primitives
import Storage
import SyncRounds

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A published round, as the audit tells of it.
struct PublishedFact: Hashable, Sendable {
    var revision: Revision
    var number: UInt64
    var conflicts: UInt32

    init(_ revision: Revision, _ number: UInt64, conflicts: UInt32) {
        self.revision = revision
        self.number = number
        self.conflicts = conflicts
    }
}

/// What the audit remembers between rows: names, the rounds under way, and what earlier rows tell after a restart.
struct AuditMemory: Sendable {
    var names: [DeviceID: String] = [:]
    var roster = RememberedRoster(devices: [])
    /// Why a peer was not reached at the last attempt.
    var dialFailures: [DeviceID: String] = [:]
    var refusedTokens: UInt64 = 0
    var lastOK: (at: Int64, result: String)?
    /// The newest published round that this device knows of.
    private(set) var newest: PublishedFact?
    /// Why the newest round that did not end well did not.
    var lastFailure: String?
    /// Since when no quorum leader is heard; nil while one is, and before it was looked for.
    var leaderlessSince: Instant?
    /// Published revisions and the numbers of their rounds; the oldest go first.
    private(set) var numbers: [Revision: UInt64] = [:]
    /// Who got which token of the sync lock, newest last.
    private var holders: [(token: FencingToken, device: DeviceID)] = []
    private var clocks: [RoundID: RoundClock] = [:]
    /// Rows about entries of the log that were there at the start. The log tells of its entries again after a restart:
    /// each of these is noted already.
    private var noted: [String: Int] = [:]

    /// A round as this device follows it.
    struct RoundClock: Sendable {
        var began: Instant
        var reason: RoundReason?
        var leader: DeviceID?
        /// Why it was started, where it was.
        var decision: ScheduleTable?
        var phase: RoundPhase?
        var phaseBegan: Instant
        /// What is over, in its order: name and milliseconds.
        var phases: [(name: String, milliseconds: Int64)] = []
    }

    static let logKinds = [
        "published", "publication-refused", "lock-granted", "lock-expired", "lock-released", "handoff", "membership",
    ]

    func name(of device: DeviceID) -> String { names[device] ?? device.short }
    func holder(of token: FencingToken) -> DeviceID? { holders.last { $0.token == token }?.device }

    /// Oldest first, as the audit gives them.
    mutating func remember(_ rows: [AuditRow]) {
        for row in rows {
            let details = Self.fields(row.details)
            if Self.logKinds.contains(row.kind) {
                let id = Self.key(row.kind, row.round, row.token, details["voters"])
                noted[id, default: 0] += 1
            }
            if row.kind == "published", let to = details["to"].flatMap({ Revision(hex: $0) }),
                let number = details["number"].flatMap({ UInt64($0) })
            {
                published(PublishedFact(to, number, conflicts: details["conflicts"].flatMap { UInt32($0) } ?? 0))
            }
            let isComplete =
                row.kind == "published" || row.kind == "applied" && details["waiting"] == nil
                || row.kind == "round" && details["why"] == nil
            if isComplete { lastOK = (row.at, details["result"] ?? row.kind) }
        }
    }

    private static func key(
        _ kind: String, _ round: RoundID?, _ token: FencingToken?, _ voters: String?
    ) -> String {
        "\(kind) \(round?.description ?? "") \(token?.description ?? "") \(voters ?? "")"
    }

    /// Whether a row about an entry of the log was written before this start; asked once per row.
    mutating func wasNoted(
        _ kind: String, round: RoundID? = nil, token: FencingToken? = nil, voters: String? = nil
    ) -> Bool {
        let id = Self.key(kind, round, token, voters)
        guard let count = noted[id] else { return false }
        noted[id] = count > 1 ? count - 1 : nil
        return true
    }

    mutating func published(_ fact: PublishedFact) {
        numbers[fact.revision] = fact.number
        if fact.number >= newest?.number ?? 0 { newest = fact }
        guard numbers.count > Limits.roundNumbersKnown else { return }
        let oldest = numbers.values.sorted()[numbers.count / 2]
        numbers = numbers.filter { $0.value >= oldest }
    }

    mutating func granted(_ token: FencingToken, to device: DeviceID) {
        holders.append((token, device))
        if holders.count > Limits.tokenHoldersKnown { holders.removeFirst() }
    }

    mutating func hear(_ event: RaftEvent, at now: Instant) {
        switch event {
        case .becameLeader: leaderlessSince = nil
        case .becameFollower(_, let leader): leaderlessSince = leader == nil ? leaderlessSince ?? now : nil
        case .becamePreCandidate, .becameCandidate, .lostQuorum: leaderlessSince = leaderlessSince ?? now
        case .transferGivenUp, .snapshotInstalled, .snapshotTaken, .dropped, .safetyRefusal, .refounded,
            .rejoined:
            break
        }
    }

    // MARK: Rounds

    func clock(of round: RoundID) -> RoundClock? { clocks[round] }

    /// Begins to follow a round, or tells since when it is followed.
    mutating func follow(_ round: RoundID, at now: Instant, _ change: (inout RoundClock) -> Void = { _ in }) {
        if clocks[round] == nil {
            if clocks.count >= Limits.roundsFollowed, let oldest = clocks.min(by: { $0.value.began < $1.value.began }) {
                clocks[oldest.key] = nil
            }
            clocks[round] = RoundClock(began: now, phaseBegan: now)
        }
        if var clock = clocks[round] {
            change(&clock)
            clocks[round] = clock
        }
    }

    mutating func phase(_ phase: RoundPhase?, of round: RoundID, at now: Instant) {
        follow(round, at: now) { clock in
            if let old = clock.phase {
                clock.phases.append((old.rawValue, (now - clock.phaseBegan).wholeMilliseconds))
            }
            clock.phase = phase
            clock.phaseBegan = now
        }
    }

    static func fields(_ text: String) -> [String: String] {
        (try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))) ?? [:]
    }
}
