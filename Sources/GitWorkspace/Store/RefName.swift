import Primitives

/// The refs of a store. Nothing captured is ever without one.
enum RefName {
    static let prefix = "refs/baton/"
    /// The published head.
    static let main = "refs/baton/main"
    /// What the working tree was really brought to.
    static let base = "refs/baton/base"
    static let captures = "refs/baton/captures/"
    static let stagedPrefix = "refs/baton/staged/"
    static let devices = "refs/baton/devices/"
    /// The user's history that the mesh was founded on, once the rounds are cut off from it.
    static let founding = "refs/baton/founding"
    /// Rounds of other places, taken in from files.
    static let imported = "refs/baton/imported/"
    /// Each a tree that holds what a conflict has to keep: `ours`, `theirs`, its `record`, and what a choice replaced.
    static let conflicts = "refs/baton/kept/"
    /// The newest capture of a device.
    static func device(_ device: DeviceID) -> String { "\(devices)\(device)" }
    /// A revision that this device holds for a round, until the round after.
    static func staged(_ round: RoundID) -> String { "\(stagedPrefix)\(round.token)-\(round.sequence)" }
    /// The round of such a name.
    static func round(staged name: String) -> RoundID? {
        name.hasPrefix(stagedPrefix) ? round(name.dropFirst(stagedPrefix.count), separator: "-") : nil
    }

    /// A round by the numbers that its description, or the name of its ref, is made of.
    static func round(_ text: Substring, separator: Character) -> RoundID? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count == 2, let token = FencingToken(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        return RoundID(token: token, sequence: sequence)
    }
    /// An older capture that no published revision holds yet.
    static func capture(_ id: ObjectID) -> String { captures + id.hex }
}

/// One line of a ref transaction.
struct RefChange: Hashable, Sendable {
    var name: String
    /// Nil deletes.
    var new: ObjectID?
}
