import Consensus
import DeviceCore
import Primitives

extension MeshRaftMessage {
    var wire: WireRaftMessage {
        WireRaftMessage.with {
            $0.term = term.number
            switch self {
            case .vote(let request): $0.vote = request.wire
            case .voteReply(let reply):
                $0.voteReply = .with {
                    $0.granted = reply.isGranted
                    $0.preVote = reply.isPreVote
                }
            case .append(let request): $0.append = request.wire
            case .appendReply(let reply): $0.appendReply = reply.wire
            case .installSnapshot(_, let snapshot): $0.installSnapshot = snapshot.wire
            case .timeoutNow: $0.timeoutNow = WireNothing()
            }
        }
    }

    init(_ wire: WireRaftMessage) throws(WireError) {
        let term = Term(try Read.number(wire.term, "term"))
        switch wire.message {
        case .vote(let request): self = .vote(try VoteRequest(request, term: term))
        case .voteReply(let reply):
            self = .voteReply(VoteReply(term: term, isGranted: reply.granted, isPreVote: reply.preVote))
        case .append(let request): self = .append(try AppendRequest(request, term: term))
        case .appendReply(let reply): self = .appendReply(try AppendReply(reply, term: term))
        case .installSnapshot(let snapshot):
            let snapshot = try Snapshot(snapshot)
            guard snapshot.index > .zero, snapshot.term <= term else {
                throw .invalid(field: "snapshot", "is empty, or newer than its sender's term")
            }
            self = .installSnapshot(term: term, snapshot)
        case .timeoutNow: self = .timeoutNow(term: term)
        case nil: throw .unsupported("consensus message")
        }
    }
}

extension VoteRequest {
    var wire: WireVote {
        WireVote.with {
            $0.lastIndex = lastIndex.number
            $0.lastTerm = lastTerm.number
            $0.preVote = isPreVote
            $0.transfer = isTransfer
        }
    }

    init(_ wire: WireVote, term: Term) throws(WireError) {
        self.init(
            term: term, lastIndex: LogIndex(try Read.number(wire.lastIndex, "vote.last_index")),
            lastTerm: Term(try Read.number(wire.lastTerm, "vote.last_term")), isPreVote: wire.preVote,
            isTransfer: wire.transfer)
    }
}

extension AppendRequest<MeshCommand> {
    var wire: WireAppend {
        WireAppend.with {
            $0.previousIndex = previousIndex.number
            $0.previousTerm = previousTerm.number
            $0.entries = entries.map(\.wire)
            $0.commitIndex = commitIndex.number
            $0.confirmation = confirmation
        }
    }

    /// The entries follow `previousIndex` without a hole, and their terms never go back nor beyond the sender's.
    init(_ wire: WireAppend, term: Term) throws(WireError) {
        try Read.limit(wire.entries.count, Limits.appendEntries, "entries")
        self.init(
            term: term, previousIndex: LogIndex(try Read.number(wire.previousIndex, "append.previous_index")),
            previousTerm: Term(try Read.number(wire.previousTerm, "append.previous_term")),
            entries: try wire.entries.map { (entry) throws(WireError) in try MeshEntry(entry) },
            commitIndex: LogIndex(try Read.number(wire.commitIndex, "append.commit_index")),
            confirmation: try Read.number(wire.confirmation, "append.confirmation"))
        var before = (index: previousIndex, term: previousTerm)
        for entry in entries {
            guard entry.index == before.index.next, entry.term >= before.term, entry.term <= term else {
                throw .invalid(field: "entries", "are not in the order of a log at \(entry.index)")
            }
            before = (entry.index, entry.term)
        }
    }
}

extension AppendReply {
    var wire: WireAppendReply {
        WireAppendReply.with {
            $0.confirmation = confirmation
            switch verdict {
            case .matches(let index): $0.matches = index.number
            case .conflicts(let at, let hint, let hintTerm):
                $0.conflicts = .with {
                    $0.at = at.number
                    $0.hint = hint.number
                    $0.hintTerm = hintTerm.number
                }
            case .stale: $0.stale = WireNothing()
            }
        }
    }

    init(_ wire: WireAppendReply, term: Term) throws(WireError) {
        let verdict: Verdict
        switch wire.verdict {
        case .matches(let index): verdict = .matches(LogIndex(try Read.number(index, "append_reply.matches")))
        case .conflicts(let conflict):
            verdict = .conflicts(
                at: LogIndex(try Read.number(conflict.at, "conflict.at")),
                hint: LogIndex(try Read.number(conflict.hint, "conflict.hint")),
                hintTerm: Term(try Read.number(conflict.hintTerm, "conflict.hint_term")))
        case .stale: verdict = .stale
        case nil: throw .unsupported("append reply")
        }
        self.init(
            term: term, verdict: verdict, confirmation: try Read.number(wire.confirmation, "append_reply.confirmation"))
    }
}
