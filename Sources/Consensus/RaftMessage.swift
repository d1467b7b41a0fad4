import Primitives

/// What members of one Raft group say to each other. Every message carries its sender's term (thesis, figure 3.1).
package enum RaftMessage<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    case vote(VoteRequest)
    case voteReply(VoteReply)
    case append(AppendRequest<Command>)
    case appendReply(AppendReply)
    case installSnapshot(term: Term, Snapshot<Image>)
    /// Leadership transfer (section 3.10): campaign at once.
    case timeoutNow(term: Term)

    package var term: Term {
        switch self {
        case .vote(let message): message.term
        case .voteReply(let message): message.term
        case .append(let message): message.term
        case .appendReply(let message): message.term
        case .installSnapshot(let term, _), .timeoutNow(let term): term
        }
    }
}

package struct VoteRequest: Hashable, Sendable {
    /// The term that the candidate runs for; in a pre-vote it has not entered it yet (section 9.6).
    package var term: Term
    package var lastIndex: LogIndex
    package var lastTerm: Term
    package var isPreVote: Bool
    /// The leader asked for this election: a live leader is no reason to refuse.
    package var isTransfer: Bool

    package init(term: Term, lastIndex: LogIndex, lastTerm: Term, isPreVote: Bool, isTransfer: Bool) {
        self.term = term
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.isPreVote = isPreVote
        self.isTransfer = isTransfer
    }
}

package struct VoteReply: Hashable, Sendable {
    /// The voter's term; for a granted pre-vote the term that was asked for.
    package var term: Term
    package var isGranted: Bool
    package var isPreVote: Bool

    package init(term: Term, isGranted: Bool, isPreVote: Bool) {
        self.term = term
        self.isGranted = isGranted
        self.isPreVote = isPreVote
    }
}

package struct AppendRequest<Command: Hashable & Sendable>: Hashable, Sendable {
    package var term: Term
    package var previousIndex: LogIndex
    package var previousTerm: Term
    package var entries: [Entry<Command>]
    package var commitIndex: LogIndex
    /// Echoed by the reply: proves that the sender led when this was sent (sections 6.2 and 6.4).
    package var confirmation: UInt64

    package init(
        term: Term, previousIndex: LogIndex, previousTerm: Term, entries: [Entry<Command>], commitIndex: LogIndex,
        confirmation: UInt64
    ) {
        self.term = term
        self.previousIndex = previousIndex
        self.previousTerm = previousTerm
        self.entries = entries
        self.commitIndex = commitIndex
        self.confirmation = confirmation
    }
}

package struct AppendReply: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        /// The log equals the leader's up to here.
        case matches(LogIndex)
        /// No entry of `previousTerm` at `previousIndex`. The hint is the last place at which the logs may agree:
        /// the largest index with a term not above the leader's.
        case conflicts(at: LogIndex, hint: LogIndex, hintTerm: Term)
        /// The request was of an older term.
        case stale
    }

    package var term: Term
    package var verdict: Verdict
    package var confirmation: UInt64

    package init(term: Term, verdict: Verdict, confirmation: UInt64) {
        self.term = term
        self.verdict = verdict
        self.confirmation = confirmation
    }
}
