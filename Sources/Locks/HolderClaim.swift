import Primitives

/// On the holder: one lock that this device holds or tries to hold, and until when it may act.
///
/// The holder's rule (protocol.md, section 4): with s = the moment before it *sent* the newest acquire or renewal that
/// was answered, the holder acts only before `s + 2/3 ttl`. The quorum leader waits a full ttl from a later moment, so
/// clock rates may differ by up to 1.5x. Ask `mayAct` before each step that touches anything, and again after every
/// wait.
///
/// A fresh value owns nothing: so does a device after a restart.
package struct HolderClaim: Hashable, Sendable {
    private enum State: Hashable {
        /// Nothing was ever granted to this claim.
        case none
        /// Granted, as an answer or the log says, but no answer proves when: act after the next confirmation only.
        case unconfirmed(FencingToken)
        /// `since` is the s of the holder's rule.
        case held(FencingToken, since: Instant)
        /// Lost or given up: no token up to this one counts any more.
        case ended(FencingToken)
    }

    private struct Sent: Hashable {
        var id: UInt64
        var at: Instant
        /// What it asks to renew; nil for an acquire.
        var token: FencingToken?
    }

    /// What was asked for, then what the grant says (a retry by the present holder does not change its ttl).
    package private(set) var ttl: Duration {
        didSet { usable = Self.usable(of: ttl, mutants) }
    }
    /// How long the holder may act after s.
    private var usable: Duration
    private var state = State.none
    /// Unanswered requests, oldest first, at most `Limits.unansweredRenewals`.
    private var sent: [Sent] = []
    private var highestID: UInt64?
    private var lastSent: Instant?

    private let mutants: MutantSet

    package init(ttl: Duration, mutants: MutantSet = .none) {
        self.ttl = ttl
        self.mutants = mutants
        usable = Self.usable(of: ttl, mutants)
    }

    private static func usable(of ttl: Duration, _ mutants: MutantSet) -> Duration {
        mutants.has(.noMargin) ? ttl : ttl * 2 / 3
    }

    /// The token to present; nil if this claim has none.
    package var token: FencingToken? {
        switch state {
        case .none, .ended: nil
        case .unconfirmed(let token), .held(let token, _): token
        }
    }
}

// MARK: - What happened

extension HolderClaim {
    /// An acquire or renewal is about to be sent. Ids ascend. A request sent again under its id keeps its first moment;
    /// one whose first moment is forgotten (a sleep, too many others) proves nothing any more, so that a late answer to
    /// its first sending is not taken for a fresh one.
    ///
    /// `token`: what a renewal is for. The quorum leader moves the end of that grant alone.
    package mutating func requestSent(id: UInt64, at now: Instant, renewing token: FencingToken? = nil) {
        lastSent = now
        guard highestID.map({ id > $0 }) ?? true else { return }
        highestID = id
        if sent.count >= Limits.unansweredRenewals { sent.removeFirst() }
        sent.append(Sent(id: id, at: now, token: token))
    }

    /// The request was answered: granted or renewed under `token`; `ttl` is the grant's, if the answer says it. False
    /// if it confirms nothing: a token that is over, or an answer to no open request (late, duplicated, from before a
    /// sleep), from which at most the token is learned.
    @discardableResult
    package mutating func answered(
        id: UInt64, token: FencingToken, ttl granted: Duration? = nil, at now: Instant = .origin
    ) -> Bool {
        let ttl = granted ?? self.ttl
        guard let place = sent.firstIndex(where: { $0.id == id }) else {
            learn(token, ttl: ttl)
            return false
        }
        let request = sent.remove(at: place)
        if let asked = request.token, asked != token {
            // Another grant of ours, newer than the one that was to be renewed: this answer did not move its end.
            learn(token, ttl: ttl)
            return false
        }
        var since = request.at
        if mutants.has(.leaseFromReply) { since = max(since, now) }
        switch state {
        case .held(let current, let confirmed):
            guard token >= current else { return false }
            if token == current { since = max(since, confirmed) }
        case .unconfirmed(let current):
            guard token >= current else { return false }
        case .ended(let last):
            guard token > last else { return false }
        case .none: break
        }
        state = .held(token, since: since)
        self.ttl = ttl
        return true
    }

    /// The request was refused or given up; it proves nothing.
    package mutating func unanswered(id: UInt64) {
        sent.removeAll { $0.id == id }
    }

    /// The log says that this device was granted the lock (it waited, or was handed it). To act, it must be confirmed.
    package mutating func granted(_ grant: Grant) { learn(grant.token, ttl: grant.ttl) }

    private mutating func learn(_ token: FencingToken, ttl: Duration) {
        switch state {
        case .held(let current, _), .unconfirmed(let current), .ended(let current):
            guard token > current else { return }
        case .none: break
        }
        state = .unconfirmed(token)
        self.ttl = ttl
        lastSent = nil
    }

    /// A tick came late: the device slept. It stops acting until a request sent after this is answered; under the same
    /// token it resumes. Answers to what was sent before the sleep count no more.
    package mutating func slept() {
        if !mutants.has(.answerFromBeforeSleep) { sent = [] }
        lastSent = nil
        if case .held(let token, _) = state { state = .unconfirmed(token) }
    }

    /// The lock has a newer grant that is not this device's. An older one is no news.
    package mutating func lost(to newer: FencingToken) {
        guard !mutants.has(.newerGrantIsNoLoss) else { return }
        guard let token, newer <= token else {
            end(newer)
            return
        }
    }

    /// The lease ended without a successor, or this device releases or transfers it: it acts no more under that token,
    /// even if the request never arrives. Call it *before* sending the release.
    package mutating func gaveUp() {
        if let token { end(token) }
    }

    private mutating func end(_ last: FencingToken) {
        if case .ended(let before) = state, before >= last { return }
        state = .ended(last)
        sent = []
    }
}

// MARK: - What may be done

extension HolderClaim {
    /// The first moment at which this device must not act any more; nil while it must not act at all.
    package var actsBefore: Instant? {
        guard case .held(_, let since) = state else { return nil }
        return since + usable
    }

    package func mayAct(at now: Instant) -> Bool { remaining(at: now) > .zero }

    /// How long this device may go on acting; zero if not at all. A clock that went back behind s proves nothing: zero.
    package func remaining(at now: Instant) -> Duration {
        guard case .held(_, let since) = state, let actsBefore, now >= since else { return .zero }
        return max(actsBefore - now, .zero)
    }

    /// When the next renewal should be sent (at once if that is past); nil without a token.
    package func nextRenewal(every interval: Duration) -> Instant? {
        guard token != nil else { return nil }
        return lastSent.map { $0 + interval } ?? .origin
    }

    package func renewalDue(at now: Instant, every interval: Duration) -> Bool {
        nextRenewal(every: interval).map { $0 <= now } ?? false
    }
}
