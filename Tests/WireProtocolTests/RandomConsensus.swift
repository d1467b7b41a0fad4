import Consensus
import DeviceCore
import Primitives

extension RandomValues {
    mutating func membership() -> Membership {
        var devices = [DeviceID(number: 1)]
        for number in UInt64(2)...9 where flip() { devices.append(DeviceID(number: number)) }
        let voters = Array(devices.prefix(1 + Int(below(5))))
        return Membership(voters: voters, learners: Array(devices.dropFirst(voters.count)))
    }

    mutating func payload() -> Payload<MeshCommand> {
        switch below(4) {
        case 0: .noop
        case 1: .membership(membership())
        default: .command(command())
        }
    }

    mutating func entry() -> MeshEntry {
        MeshEntry(term: Term(number()), index: LogIndex(max(1, number())), payload: payload())
    }

    mutating func snapshot() -> Snapshot<MeshState> {
        Snapshot(
            index: LogIndex(max(1, number())), term: Term(number()), membership: membership(), image: state())
    }

    mutating func raftMessage() -> MeshRaftMessage {
        let term = Term(number())
        switch below(6) {
        case 0:
            return .vote(
                VoteRequest(
                    term: term, lastIndex: LogIndex(number()), lastTerm: Term(number()), isPreVote: flip(),
                    isTransfer: flip()))
        case 1: return .voteReply(VoteReply(term: term, isGranted: flip(), isPreVote: flip()))
        case 2: return .append(append(term: term))
        case 3:
            let verdict: AppendReply.Verdict
            switch below(3) {
            case 0: verdict = .matches(LogIndex(number()))
            case 1:
                verdict = .conflicts(at: LogIndex(number()), hint: LogIndex(number()), hintTerm: Term(number()))
            default: verdict = .stale
            }
            return .appendReply(AppendReply(term: term, verdict: verdict, confirmation: number()))
        case 4:
            var snapshot = self.snapshot()
            snapshot.term = min(snapshot.term, term)
            return .installSnapshot(term: term, snapshot)
        default: return .timeoutNow(term: term)
        }
    }

    /// Entries in the order of a log.
    mutating func append(term: Term) -> AppendRequest<MeshCommand> {
        let previous = LogIndex(below(1 << 40))
        let previousTerm = Term(below(term.number + 1))
        var entries: [MeshEntry] = []
        for offset in 0..<below(6) {
            entries.append(MeshEntry(term: term, index: previous + (offset + 1), payload: payload()))
        }
        return AppendRequest(
            term: term, previousIndex: previous, previousTerm: previousTerm, entries: entries,
            commitIndex: LogIndex(number()), confirmation: number())
    }
}
