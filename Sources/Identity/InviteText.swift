import Primitives

/// The text form of an invite.
///
/// `baton1-` + base 32 of: secret (16 bytes), pin (32), mesh (32), expiry (8, big-endian), number of addresses (1),
/// each address (1 byte of length, then its bytes), checksum (the first 5 bytes of the SHA-256 of prefix and all
/// before).
enum InviteText {
    static let prefix = "baton1-"
    static let checksumBytes = 5

    static func checksum(_ body: some Sequence<UInt8>) -> [UInt8] {
        Array(Primitives.Digest(hashing: Array(prefix.utf8) + Array(body)).bytes.prefix(checksumBytes))
    }

    /// The digits after the prefix; what stands before it, and what kind of text it is, decides the error.
    static func digits(of text: some StringProtocol) throws(InviteError) -> [UInt8] {
        guard text.utf8.count <= Limits.inviteTextBytes else { throw .notAnInvite }
        // Mail programs break lines: spaces anywhere are dropped.
        let line = text.utf8.filter { $0 > 32 }
        let parts = line.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .notAnInvite }
        let word = String(decoding: parts[0], as: UTF8.self).lowercased()
        guard word.hasPrefix("baton"), let version = UInt64(word.dropFirst(5)), version > 0 else { throw .notAnInvite }
        guard version == 1 else { throw .newerVersion(version) }
        return Array(parts[1])
    }
}

extension Invite {
    package var text: String {
        var body = secret.bytes + pin.digest.bytes + meshID.digest.bytes
        body += (0..<8).map { UInt8(truncatingIfNeeded: expires >> (56 - 8 * UInt64($0))) }
        body.append(UInt8(truncatingIfNeeded: addresses.count))
        for address in addresses {
            body.append(UInt8(truncatingIfNeeded: address.utf8.count))
            body += address.utf8
        }
        return InviteText.prefix + Base32.encode(body + InviteText.checksum(body))
    }

    /// Reads what `text` wrote; spaces, line breaks and capitals do no harm.
    package init(_ text: some StringProtocol) throws(InviteError) {
        guard let bytes = Base32.decode(try InviteText.digits(of: text)), bytes.count > InviteText.checksumBytes else {
            throw .damaged
        }
        let body = bytes.dropLast(InviteText.checksumBytes)
        guard InviteText.checksum(body) == Array(bytes.suffix(InviteText.checksumBytes)) else { throw .damaged }
        var rest = body[...]
        func take(_ count: Int) throws(InviteError) -> [UInt8] {
            guard rest.count >= count else { throw .damaged }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        guard let secret = InviteSecret(bytes: try take(InviteSecret.byteCount)),
            let pin = Primitives.Digest(bytes: try take(32)), let mesh = Primitives.Digest(bytes: try take(32))
        else { throw .damaged }
        let expires = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var addresses: [String] = []
        for _ in 0..<(try take(1)[0]) {
            let length = Int(try take(1)[0])
            addresses.append(String(decoding: try take(length), as: UTF8.self))
        }
        guard rest.isEmpty else { throw .damaged }
        try self.init(
            secret: secret, pin: DeviceID(pin), meshID: MeshID(mesh), addresses: addresses, expires: expires)
    }
}
