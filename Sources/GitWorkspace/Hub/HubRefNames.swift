import Primitives

/// Refs of our own store about one hub: another hub, or another branch of it, has others.
struct HubRefNames: Hashable, Sendable {
    private let prefix: String

    init(_ address: HubAddress) {
        // FNV-1a: only to tell a few addresses apart.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(address)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        prefix = "\(RefName.prefix)hub/\(String(hash, radix: 16))/"
    }

    /// Branch and fence as they were last seen there.
    var head: String { prefix + "head" }
    var fence: String { prefix + "fence" }
    /// What the branch was last made by this device.
    var mirrored: String { prefix + "mirrored" }
    /// What is on its way there.
    var pushing: String { prefix + "pushing" }
}
