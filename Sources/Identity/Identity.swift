// Identity: who a device is - its P-256 key, its self-signed certificate, its DeviceID - and the one-use invites by
// which another device becomes a member. Never: sockets, a certificate authority, trust in dates, a key in a log line.
// Start with DeviceIdentity (below), then Invite.swift and InviteBook.swift.

import Crypto
import Primitives
import SwiftASN1
import X509

/// This device's key and certificate.
///
/// The device *is* its key: `id` is the SHA-256 of the key's SubjectPublicKeyInfo. The certificate only carries the key
/// into TLS; nothing in it (name, dates, issuer) is trusted by anybody. Printing, interpolating or dumping the value
/// shows the name and the id, never the key.
package struct DeviceIdentity: Sendable {
    package let id: DeviceID
    /// The name given at creation; 1 to `Limits.deviceNameBytes` bytes. Names are for people and need not be unique.
    package let name: String
    package let certificateDER: [UInt8]
    private let key: P256.Signing.PrivateKey

    init(key: P256.Signing.PrivateKey, certificateDER: [UInt8], name: String) {
        self.key = key
        self.certificateDER = certificateDER
        self.name = name
        id = DeviceID(publicKey: key.publicKey)
    }

    /// A new key that is kept nowhere (tests, simulations of strangers).
    package static func ephemeral(name: String) throws(IdentityError) -> DeviceIdentity {
        let key = P256.Signing.PrivateKey()
        return DeviceIdentity(key: key, certificateDER: try CertificateForm.issue(for: key, name: name), name: name)
    }

    /// Makes a key and keeps it in `directory` (made 0700 if it is missing). Refuses to replace an existing key.
    package static func create(in directory: String, name: String) throws(IdentityError) -> DeviceIdentity {
        let identity = try ephemeral(name: name)
        try KeyFile(directory: directory).create(identity.keyFileText)
        return identity
    }

    /// Reads the key that `create` kept. Refuses a file that others can read, that is damaged, or that is not ours.
    package static func load(from directory: String) throws(IdentityError) -> DeviceIdentity {
        let file = KeyFile(directory: directory)
        let text = try file.read()
        guard let identity = DeviceIdentity(keyFileText: text) else { throw .garbage(path: file.path) }
        return identity
    }

    /// The private key as PKCS #8 DER, for the TLS library of this process and nothing else.
    package func privateKeyDER() -> [UInt8] { [UInt8](key.derRepresentation) }
}

extension DeviceIdentity {
    /// Key and certificate as two PEM blocks: the layout that other TLS programs read too.
    private var keyFileText: String {
        let certificate = PEMDocument(type: "CERTIFICATE", derBytes: certificateDER).pemString
        return key.pemRepresentation + "\n" + certificate + "\n"
    }

    /// Nil unless the text holds one key and one certificate that was made for that very key.
    private init?(keyFileText text: String) {
        guard let documents = try? PEMDocument.parseMultiple(pemString: text), documents.count == 2,
            let key = try? P256.Signing.PrivateKey(derRepresentation: documents[0].derBytes),
            deviceID(ofCertificateDER: documents[1].derBytes) == DeviceID(publicKey: key.publicKey)
        else { return nil }
        let name = CertificateForm.name(ofCertificateDER: documents[1].derBytes)
        self.init(key: key, certificateDER: documents[1].derBytes, name: name)
    }
}

extension DeviceIdentity: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "\(name) \(id.short)" }
    package var debugDescription: String { description }
    /// Without the key: `dump` and test failures print mirrors.
    package var customMirror: Mirror { Mirror(self, children: ["name": name, "id": id.description]) }
}

extension DeviceID {
    init(publicKey: P256.Signing.PublicKey) {
        self.init(Primitives.Digest(hashing: publicKey.derRepresentation))
    }

}

extension Primitives.Digest {
    /// The SHA-256 of some bytes.
    init(hashing bytes: some Sequence<UInt8>) {
        var words: [UInt64] = [0, 0, 0, 0]
        for (offset, byte) in SHA256.hash(data: Array(bytes)).enumerated() {
            words[offset / 8] = words[offset / 8] << 8 | UInt64(byte)
        }
        self.init(words[0], words[1], words[2], words[3])
    }
}
