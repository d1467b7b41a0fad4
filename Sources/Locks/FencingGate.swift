import Primitives

/// The memory of a resource: the highest token that it accepted, and from which holder (protocol.md, section 6).
///
/// The caller makes a changed gate durable before it acts; otherwise a crash could let an older token in.
package struct FencingGate: Hashable, Sendable {
    package private(set) var highest: FencingToken
    /// Nil before the first token was accepted.
    package private(set) var holder: DeviceID?

    package init() {
        highest = .none
        holder = nil
    }

    /// A gate as it was stored.
    package init(highest: FencingToken, holder: DeviceID) {
        self.highest = highest
        self.holder = holder
    }

    /// Accepts a higher token, or the same one from the same holder; refuses a lower one, and the same from another.
    package mutating func accept(
        _ token: FencingToken, from device: DeviceID, mutants: MutantSet = .none
    ) -> GateVerdict {
        if mutants.has(.gateAcceptsAll) || mutants.has(.noFencing) { return .accepted(changed: false) }
        if token == highest, device == holder { return .accepted(changed: false) }
        guard token > highest else { return .refused(presented: token, highest: highest, holder: holder) }
        highest = token
        holder = device
        return .accepted(changed: true)
    }
}

package enum GateVerdict: Hashable, Sendable {
    /// `changed`: persist the gate before acting.
    case accepted(changed: Bool)
    /// `holder` presented `highest`; nil if nothing was ever accepted (the token was `.none`).
    case refused(presented: FencingToken, highest: FencingToken, holder: DeviceID?)
}
