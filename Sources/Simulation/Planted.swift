import Consensus
import DeviceCore
import Primitives
import SyncRounds

// Bugs made on purpose, in how the simulation uses the core: the checks must find them.

extension World {
    /// The lease is counted from (almost) the reply: an answer to an old renewal passes for one to the newest.
    mutating func plantedRenewal(_ message: PeerMessage, at node: Int) -> PeerMessage {
        guard case .renewed(let number, let answers) = message else { return message }
        return .renewed(number: max(number, nodes[node].newestRenewal), answers)
    }
}
