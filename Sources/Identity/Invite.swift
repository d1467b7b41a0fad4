import Crypto
import Primitives

/// The 128 bits that a joiner must know. Printing it shows nothing.
package struct InviteSecret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package static let byteCount = 16
    package let bytes: [UInt8]

    /// Nil unless there are exactly 16 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    package init(using generator: inout some RandomNumberGenerator) {
        bytes = (0..<Self.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// What the inviter keeps instead of the secret.
    package var hash: Primitives.Digest { Primitives.Digest(hashing: bytes) }

    package var description: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a joiner needs to join, in one paste: `baton1-` and base 32 with a checksum.
package struct Invite: Hashable, Sendable {
    package let secret: InviteSecret
    /// The inviter. The joiner sends no byte to anyone else.
    package let pin: DeviceID
    package let meshID: MeshID
    /// Where the inviter may be found, `host:port` each, tried in this order.
    package let addresses: [String]
    /// Unix seconds by the inviter's clock, for people only: the inviter alone decides what is too late.
    package let expires: UInt64

    /// Throws `.badAddresses` unless there are 1 to `Limits.inviteAddresses`, each short and of printable ASCII.
    package init(secret: InviteSecret, pin: DeviceID, meshID: MeshID, addresses: [String], expires: UInt64)
        throws(InviteError)
    {
        let good = addresses.allSatisfy { address in
            (1...Limits.inviteAddressBytes).contains(address.utf8.count)
                && address.utf8.allSatisfy { (33...126).contains($0) }
        }
        guard good, (1...Limits.inviteAddresses).contains(addresses.count) else { throw .badAddresses }
        self.secret = secret
        self.pin = pin
        self.meshID = meshID
        self.addresses = addresses
        self.expires = expires
    }
}

/// Why a text is no invite that can be used.
package enum InviteError: Error, Hashable, Sendable, CustomStringConvertible {
    case notAnInvite
    case damaged
    case newerVersion(UInt64)
    case badAddresses

    package var message: String {
        switch self {
        case .notAnInvite: "this is no invite: an invite begins with \(InviteText.prefix)"
        case .damaged: "the invite's checksum is wrong: a character was lost or changed"
        case .newerVersion(let version): "the invite has format \(version); this baton reads format 1"
        case .badAddresses: "an invite needs 1 to \(Limits.inviteAddresses) addresses like host:port"
        }
    }

    package var hint: String {
        switch self {
        case .notAnInvite: "copy the whole line that baton invite printed"
        case .damaged: "copy the whole line again, without a break inside"
        case .newerVersion: "install the version that the inviting device runs"
        case .badAddresses: "check --listen"
        }
    }

    package var description: String { "\(message); \(hint)" }
}
