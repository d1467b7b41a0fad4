import DeviceCore
import Primitives
import SyncRounds

extension HubRecord {
    var wire: WireHub {
        WireHub.with {
            $0.url = address.url
            $0.branch = address.branch
            $0.fencing = fencing.wire
            if let acceptance { $0.acceptance = acceptance.wire }
        }
    }

    init(_ wire: WireHub) throws(WireError) {
        let address: HubAddress
        do throws(HubAddressFault) { address = try HubAddress(url: wire.url, branch: wire.branch) } catch {
            throw .invalid(field: "hub", "is refused: \(error.message)")
        }
        self.init(
            address: address, fencing: try HubFencing(wire.fencing),
            acceptance: wire.hasAcceptance ? try HubAcceptance(wire.acceptance) : nil)
    }
}

extension HubFencing {
    var wire: WireHubFencing {
        switch self {
        case .fenceRef: .fenceRef
        case .branchAlone: .branchAlone
        }
    }

    init(_ wire: WireHubFencing) throws(WireError) {
        switch wire {
        case .fenceRef: self = .fenceRef
        case .branchAlone: self = .branchAlone
        case .unknown, .UNRECOGNIZED: throw .unsupported("fencing of a hub")
        }
    }
}

extension HubAcceptance {
    var wire: WireHubAcceptance {
        WireHubAcceptance.with {
            if let head { $0.head = Write.revision(head) }
            $0.replaces = replaces
        }
    }

    init(_ wire: WireHubAcceptance) throws(WireError) {
        self.init(head: try Read.revision(wire.head, if: wire.hasHead, "accepted head"), replaces: wire.replaces)
    }
}

extension HubChange {
    var wire: WireHubChange {
        WireHubChange.with {
            switch self {
            case .put(let record): $0.put = record.wire
            case .remove: $0.remove = WireNothing()
            case .accept(let acceptance): $0.accept = acceptance.wire
            }
        }
    }

    init(_ wire: WireHubChange) throws(WireError) {
        switch wire.change {
        case .put(let record): self = .put(try HubRecord(record))
        case .remove: self = .remove
        case .accept(let acceptance): self = .accept(try HubAcceptance(acceptance))
        case nil: throw .unsupported("change of the hub")
        }
    }
}

extension HubFacts {
    var wire: WireHubFacts {
        WireHubFacts.with {
            $0.state = state.wire
            $0.roundsBehind = Write.count(roundsBehind)
            if let head { $0.head = Write.revision(head) }
            if let token { $0.token = token.wire }
            if let why { $0.why = Write.sentence(why) }
        }
    }

    init(_ wire: WireHubFacts) throws(WireError) {
        self.init(
            state: try HubState(wire.state), roundsBehind: try Read.count(wire.roundsBehind, "rounds behind"),
            head: try Read.revision(wire.head, if: wire.hasHead, "hub's head"),
            token: try FencingToken.read(wire.token, if: wire.hasToken, "hub's token"),
            why: wire.hasWhy ? try Read.sentence(wire.why, "hub's trouble") : nil)
    }
}

extension HubState {
    var wire: WireHubState {
        switch self {
        case .unknown: .unknown
        case .current: .current
        case .behind: .behind
        case .news: .news
        case .away: .away
        case .staleToken: .staleToken
        case .rewritten: .rewritten
        case .fenceGone: .fenceGone
        case .otherMesh: .otherMesh
        }
    }

    init(_ wire: WireHubState) throws(WireError) {
        switch wire {
        case .unknown: self = .unknown
        case .current: self = .current
        case .behind: self = .behind
        case .news: self = .news
        case .away: self = .away
        case .staleToken: self = .staleToken
        case .rewritten: self = .rewritten
        case .fenceGone: self = .fenceGone
        case .otherMesh: self = .otherMesh
        case .UNRECOGNIZED: throw .unsupported("state of the hub")
        }
    }
}
