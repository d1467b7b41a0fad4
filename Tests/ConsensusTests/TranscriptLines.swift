import Primitives

@testable import Consensus

// How messages and events read in a transcript: one short line each.

extension DeviceID {
    /// The number that a test gave the device.
    var name: String { "\(digest.words.0 >> 32)" }
}

extension Membership {
    var line: String {
        "v=" + voters.map(\.name).joined(separator: ",")
            + (learners.isEmpty ? "" : " l=" + learners.map(\.name).joined(separator: ","))
    }
}

extension Entry where Command == UInt64 {
    var line: String {
        switch payload {
        case .noop: "\(index):\(term) noop"
        case .membership(let membership): "\(index):\(term) \(membership.line)"
        case .command(let command): "\(index):\(term) \(command)"
        }
    }
}

extension RaftMessage where Command == UInt64, Image == [UInt64] {
    var line: String {
        switch self {
        case .vote(let request):
            "\(request.isPreVote ? "prevote" : "vote")\(request.isTransfer ? "!" : "") term=\(request.term) "
                + "last=\(request.lastIndex):\(request.lastTerm)"
        case .voteReply(let reply):
            "\(reply.isPreVote ? "prevote" : "vote") \(reply.isGranted ? "granted" : "refused") term=\(reply.term)"
        case .append(let request):
            "append term=\(request.term) after=\(request.previousIndex):\(request.previousTerm) "
                + "commit=\(request.commitIndex) [\(request.entries.map(\.line).joined(separator: ", "))]"
                + (request.confirmation == 0 ? "" : " confirm=\(request.confirmation)")
        case .appendReply(let reply): "\(reply.verdict.line) term=\(reply.term)"
        case .installSnapshot(let term, let snapshot):
            "snapshot term=\(term) at=\(snapshot.index):\(snapshot.term) \(snapshot.membership.line) \(snapshot.image)"
        case .timeoutNow(let term): "timeout-now term=\(term)"
        }
    }
}

extension AppendReply.Verdict {
    var line: String {
        switch self {
        case .matches(let index): "matches \(index)"
        case .conflicts(let at, let hint, let hintTerm): "conflicts at=\(at) hint=\(hint):\(hintTerm)"
        case .stale: "stale"
        }
    }
}

extension RaftEvent {
    var line: String {
        switch self {
        case .becameFollower(let term, let leader): "follows \(leader?.name ?? "nobody") in term \(term)"
        case .becamePreCandidate(let term): "asks for pre-votes in term \(term)"
        case .becameCandidate(let term): "runs in term \(term)"
        case .becameLeader(let term): "leads term \(term)"
        case .lostQuorum(let term): "lost its quorum in term \(term)"
        case .transferGivenUp(let to): "gives the transfer to \(to.name) up"
        case .snapshotInstalled(let index): "installed a snapshot at \(index)"
        case .snapshotTaken(let index): "took a snapshot at \(index)"
        case .refounded(let index): "founds a new group behind \(index)"
        case .rejoined: "leaves its group"
        case .dropped(let why): "dropped: \(why)"
        case .safetyRefusal(let why): "safety: \(why)"
        }
    }
}

extension RaftRefusal where Command == UInt64 {
    var line: String {
        switch self {
        case .proposal(let command): "proposal \(command)"
        case .confirmation(let id): "read \(id)"
        case .membership(let membership, let why): "\(membership.line): \(why)"
        case .transfer(let to, let why): "transfer to \(to.name): \(why)"
        }
    }
}
