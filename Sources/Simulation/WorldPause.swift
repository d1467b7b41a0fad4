import DeviceCore
import Primitives
import SyncRounds

// How long writers wait (protocol.md, section 8, invariant 7).

extension World {
    /// Without a word from the round's leader a gate opens within this, measured awake.
    static let silentPause: Nanoseconds = .seconds(15)

    /// A message of the closed round's leader arrives.
    mutating func heardLeader(_ node: Int, _ message: PeerMessage, from: Int) {
        guard let closed = nodes[node].gate.closed, case .round(let round) = message, round.round == closed.round else {
            return
        }
        switch round {
        case .prepare, .stage, .working, .finish, .abort: word(node)
        case .captured, .declined, .staged, .applied: break
        }
    }

    /// The leader's own gate, and one behind which files are replaced, need no word from elsewhere.
    mutating func noteOwnWork(_ node: Int) {
        guard let closed = nodes[node].gate.closed else { return }
        let leads = oracle.holder(of: closed.round.token)?.device == nodes[node].id
        if leads || nodes[node].workspace.applying != nil { word(node) }
    }

    private mutating func word(_ node: Int) { nodes[node].gate.lastWord = nodes[node].clock.awake(at: now) }

    /// A writer that said that it is paused writes nothing until it is let go on.
    mutating func checkWriter(_ node: Int, _ at: Int) {
        guard nodes[node].writers[at].hasAnswered, misbehaviour(node) == nil, let closed = nodes[node].gate.closed
        else {
            return
        }
        clash(
            .pausedWriterWrites, "writer \(at + 1) of device \(node + 1) answered the pause of \(closed.round)",
            "and writes while the gate is closed")
    }

    /// A gate that was closed too long, or for too long without its leader.
    mutating func checkPause(_ node: Int, _ closed: GateModel.Closed) {
        let local = nodes[node].clock.local(at: now)
        let slept = nodes[node].clock.asleep
        let silent = nodes[node].clock.awake(at: now) - nodes[node].gate.lastWord
        if silent > Self.silentPause {
            clash(
                .pauseBound,
                "the leader of \(closed.round) was last heard by device \(node + 1) \(TrueTime(silent)) s ago",
                "and the gate was closed until now")
        }
        if local - closed.since > Limits.pauseMax.wholeNanoseconds + .seconds(1), slept == 0 {
            clash(
                .pauseBound, "a pause lasts \(Limits.pauseMax) at most",
                "and the gate of device \(node + 1) was closed for \(TrueTime(local - closed.since)) s")
        }
    }
}
