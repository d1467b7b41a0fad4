import Consensus
import DeviceCore
import Locks
import Primitives

extension Membership {
    var wire: WireMembership {
        WireMembership.with {
            $0.voters = voters.map(Write.device)
            $0.learners = learners.map(Write.device)
        }
    }

    /// Sorted and disjoint, or refused: both sides count votes over these lists. Only a device that joins has no voter.
    init(_ wire: WireMembership) throws(WireError) {
        let voters = try Read.devices(wire.voters, "voters")
        let learners = try Read.devices(wire.learners, "learners")
        try Read.limit(voters.count, Limits.voters, "voters")
        try Read.limit(voters.count + learners.count, Limits.devices, "members")
        self.init(voters: voters, learners: learners)
        guard isSound || (voters.isEmpty && learners.isEmpty) else {
            throw .invalid(field: "membership", "is not sorted, names a device twice or has no voter")
        }
    }
}

extension Entry<MeshCommand> {
    var wire: WireEntry {
        WireEntry.with {
            $0.index = index.number
            $0.term = term.number
            switch payload {
            case .noop: $0.noop = WireNothing()
            case .membership(let membership): $0.membership = membership.wire
            case .command(let command): $0.command = command.wire
            }
        }
    }

    init(_ wire: WireEntry) throws(WireError) {
        let payload: Payload<MeshCommand>
        switch wire.payload {
        case .noop: payload = .noop
        case .membership(let wire):
            let membership = try Membership(wire)
            guard !membership.voters.isEmpty else { throw .invalid(field: "membership", "has no voter") }
            payload = .membership(membership)
        case .command(let command): payload = .command(try MeshCommand(command))
        case nil: throw .unsupported("log entry")
        }
        let index = try Read.number(wire.index, "entry.index")
        guard index > 0 else { throw .invalid(field: "entry.index", "is zero") }
        self.init(term: Term(try Read.number(wire.term, "entry.term")), index: LogIndex(index), payload: payload)
    }
}

extension HardState {
    var wire: WireHardState {
        WireHardState.with {
            $0.term = term.number
            if let votedFor { $0.votedFor = Write.device(votedFor) }
        }
    }

    init(_ wire: WireHardState) throws(WireError) {
        self.init(
            term: Term(try Read.number(wire.term, "term")),
            votedFor: try Read.device(wire.votedFor, if: wire.hasVotedFor, "vote"))
    }
}

extension Snapshot<MeshState> {
    var wire: WireSnapshot {
        WireSnapshot.with {
            $0.index = index.number
            $0.term = term.number
            $0.membership = membership.wire
            $0.image = image.wire
        }
    }

    init(_ wire: WireSnapshot) throws(WireError) {
        try Read.present(wire.hasMembership && wire.hasImage, "snapshot")
        self.init(
            index: LogIndex(try Read.number(wire.index, "snapshot.index")),
            term: Term(try Read.number(wire.term, "snapshot.term")),
            membership: try Membership(wire.membership), image: try MeshState(wire.image))
        guard index == .zero || !membership.voters.isEmpty else {
            throw .invalid(field: "snapshot", "has no voter")
        }
    }
}

extension FencingGate {
    var wire: WireGate {
        WireGate.with {
            $0.highest = highest.wire
            if let holder { $0.holder = Write.device(holder) }
        }
    }

    init(_ wire: WireGate) throws(WireError) {
        try Read.present(wire.hasHighest, "token")
        let highest = try FencingToken(wire.highest, "token")
        guard wire.hasHolder else {
            guard highest == .none else { throw .invalid(field: "token", "has no holder") }
            self.init()
            return
        }
        self.init(highest: highest, holder: try Read.device(wire.holder, "token's holder"))
    }
}
