import Crypto
import Foundation
import Primitives
import SwiftASN1
import X509

/// The device that a certificate speaks for; nil unless the bytes are one X.509 certificate with a P-256 key.
///
/// Total: any bytes of any peer may come here. It says nothing of possession of the key; TLS 1.3 proves that.
package func deviceID(ofCertificateDER bytes: [UInt8]) -> DeviceID? {
    guard bytes.count <= Limits.certificateBytes, let certificate = try? Certificate(derEncoded: bytes),
        let key = P256.Signing.PublicKey(certificate.publicKey)
    else { return nil }
    return DeviceID(publicKey: key)
}

/// The self-signed certificate in which a device's key travels.
enum CertificateForm {
    /// Dates are written because X.509 wants some. 1970 to 2105: hardly a clock is so wrong.
    private static var validity: (from: Date, to: Date) {
        (Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: 4_260_211_200))
    }

    /// - Throws: `.badName` for a name that is empty, too long or has control characters.
    static func issue(for key: P256.Signing.PrivateKey, name: String) throws(IdentityError) -> [UInt8] {
        guard isGood(name) else { throw .badName(name) }
        do {
            let subject = try DistinguishedName { CommonName(name) }
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
                notValidBefore: validity.from, notValidAfter: validity.to,
                issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                }, issuerPrivateKey: .init(key))
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return serializer.serializedBytes
        } catch {
            throw .cryptography("\(error)")
        }
    }

    /// The common name, or "unnamed".
    static func name(ofCertificateDER bytes: [UInt8]) -> String {
        guard let certificate = try? Certificate(derEncoded: bytes) else { return "unnamed" }
        for part in certificate.subject {
            for attribute in part where attribute.type == .RDNAttributeType.commonName {
                if let text = String(attribute.value) { return text }
            }
        }
        return "unnamed"
    }

    static func isGood(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...Limits.deviceNameBytes).contains(bytes.count) && bytes.allSatisfy { $0 >= 32 && $0 != 127 }
    }
}
