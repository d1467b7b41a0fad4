import Consensus
import DeviceCore
import Locks
import Primitives
import SyncRounds

// What devices say to each other, in a few words: for tables and pictures.

extension PeerMessage {
    var summary: String {
        switch self {
        case .raft(let message): message.words
        case .propose(let command): "proposes \(command.operation.words)"
        case .notLeader(_, let leader): "does not lead, \(leader.map { "\($0.number) does" } ?? "nor knows who")"
        case .renew(let number, let leases):
            "renews \(leases.map { "\($0.name) under \($0.token)" }.joined(separator: ", ")) (\(number))"
        case .renewed(let number, let answers):
            "confirms \(answers.map { "\($0.name)" }.joined(separator: ", ")) (\(number))"
        case .round(let message): message.words
        case .facts(let facts):
            "facts: at \(facts.base?.tail ?? "nothing"), \(facts.pendingFiles) files differ"
                + (facts.waiting.map { ", waits: \($0)" } ?? "")
        case .syncRequest: "asks for a round"
        case .syncAnswer(_, let answer): "the round came to \(answer)"
        case .handoffRequest(_, let target): "asks to hand over\(target.map { " to \($0.number)" } ?? "")"
        case .handoffAnswer(_, let answer): "the handoff came to \(answer)"
        case .leaving(let leaves): leaves ? "stops soon" : "stays"
        case .stop(let word): word.order == nil ? "lets all go on" : "stops all"
        }
    }
}

extension RaftMessage where Command == MeshCommand {
    fileprivate var words: String {
        switch self {
        case .vote(let request):
            (request.isPreVote
                ? "asks for a pre-vote" : request.isTransfer ? "asks for a vote, as told" : "asks for a vote")
                + " in term \(request.term), log up to \(request.lastIndex) of term \(request.lastTerm)"
        case .voteReply(let reply):
            (reply.isGranted ? "grants its " : "refuses its ") + (reply.isPreVote ? "pre-vote" : "vote")
                + " in term \(reply.term)"
        case .append(let request): request.words
        case .appendReply(let reply): reply.words
        case .installSnapshot(let term, let snapshot): "snapshot up to \(snapshot.index), term \(term)"
        case .timeoutNow(let term): "campaign now, term \(term)"
        }
    }
}

extension AppendRequest where Command == MeshCommand {
    fileprivate var words: String {
        let commit = "term \(term), committed \(commitIndex)"
        guard let first = entries.first, let last = entries.last else {
            return "heartbeat, \(commit), after \(previousIndex)"
        }
        let numbers = first.index == last.index ? "entry \(first.index)" : "entries \(first.index) to \(last.index)"
        let what = entries.prefix(3).map(\.words).joined(separator: ", ") + (entries.count > 3 ? ", ..." : "")
        return "append \(numbers) (\(what)), \(commit)"
    }
}

extension Entry where Command == MeshCommand {
    fileprivate var words: String {
        switch payload {
        case .noop: "no-op"
        case .membership(let membership): "\(membership.voters.count) voters"
        case .command(let command): command.operation.words
        }
    }
}

extension AppendReply {
    fileprivate var words: String {
        switch verdict {
        case .matches(let index): "has all up to \(index), term \(term)"
        case .conflicts(let index, let hint, _): "differs at \(index), try \(hint), term \(term)"
        case .stale: "is in term \(term) already"
        }
    }
}

extension MeshOperation {
    fileprivate var words: String {
        switch self {
        case .lock(let command): command.words
        case .publish(let publication):
            "publish \(publication.old?.tail ?? "nothing") -> \(publication.new.tail) in \(publication.round)"
        case .putDevice(let record): "put \(record.name)"
        case .removeDevice(let device): "remove \(device.number)"
        case .set(let setting): "set \(setting.key)=\(setting.value)"
        case .unset(let key): "unset \(key)"
        case .hub(.put(let record)): "the hub is \(record.address)"
        case .hub(.remove): "no hub"
        case .hub(.accept(let acceptance)): "hub at \(acceptance.head?.tail ?? "nothing") is accepted"
        case .review: "an answer of a person"
        }
    }
}

extension LockCommand {
    fileprivate var words: String {
        switch self {
        case .acquire(let name, let device, _, let waits):
            "acquire \(name) for \(device.number)\(waits ? ", waits" : "")"
        case .release(let name, let token): "release \(name) under \(token)"
        case .transfer(let name, let token, let device): "transfer \(name) under \(token) to \(device.number)"
        case .expire(let name, let token, _): "expire \(name) under \(token)"
        case .cancel(let name, let device): "\(device.number) waits for \(name) no more"
        case .forget(let device): "forget \(device.number)"
        }
    }
}

extension RoundMessage {
    fileprivate var words: String {
        switch self {
        case .prepare(let round, _): "prepare \(round)"
        case .captured(let round, let report):
            "captured \(report.revision?.tail ?? "nothing new") over \(report.base?.tail ?? "nothing") in \(round)"
        case .declined(let round, let why): "declines \(round): \(why)"
        case .stage(let round, let revision): "stage \(revision.tail) in \(round)"
        case .staged(let round, let revision): "staged \(revision.tail) in \(round)"
        case .working(let round): "at work on \(round)"
        case .finish(let round): "finish \(round)"
        case .abort(let round): "abort \(round)"
        case .applied(let round, let report):
            "applied \(report.base?.tail ?? "nothing") in \(round), \(report.lateFiles) files late"
        }
    }
}
