import Identity
import NIOCore
import NIOSSL
import Primitives

/// The TLS settings of this device: 1.3 only, our one certificate, P-256 signatures, and no certificate authority.
///
/// Verification is wholly ours (`customVerificationCallback`): one certificate, and its key's id decides. BoringSSL's
/// own checks (chain, dates, names) do not run. NIOSSL offers session tickets; a resumed session never meets the
/// callback, so it has no peer id and the gate closes it.
struct TLSSetup {
    let server: NIOSSLContext
    let clients: [MeshProtocol: NIOSSLContext]

    init(identity: DeviceIdentity) throws(TransportError) {
        server = try Self.context(identity, isServer: true, protocols: MeshProtocol.allCases)
        var clients: [MeshProtocol: NIOSSLContext] = [:]
        for one in MeshProtocol.allCases {
            clients[one] = try Self.context(identity, isServer: false, protocols: [one])
        }
        self.clients = clients
    }

    private static func context(_ identity: DeviceIdentity, isServer: Bool, protocols: [MeshProtocol])
        throws(TransportError) -> NIOSSLContext
    {
        do {
            let certificate = try NIOSSLCertificate(bytes: identity.certificateDER, format: .der)
            let key = try NIOSSLPrivateKey(bytes: identity.privateKeyDER(), format: .der)
            var settings =
                isServer
                ? TLSConfiguration.makeServerConfiguration(
                    certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
                : TLSConfiguration.makeClientConfiguration()
            settings.certificateChain = [.certificate(certificate)]
            settings.privateKey = .privateKey(key)
            settings.minimumTLSVersion = .tlsv13
            settings.maximumTLSVersion = .tlsv13
            settings.curves = [.x25519, .secp256r1]
            settings.verifySignatureAlgorithms = [.ecdsaSecp256R1Sha256]
            settings.signingSignatureAlgorithms = [.ecdsaSecp256R1Sha256]
            // On a server this asks for a client certificate and requires it.
            settings.certificateVerification = .noHostnameVerification
            // Never consulted; without it the system's authorities would be read from disk.
            settings.trustRoots = .certificates([certificate])
            settings.applicationProtocols = protocols.map(\.rawValue)
            settings.shutdownTimeout = .seconds(1)
            return try NIOSSLContext(configuration: settings)
        } catch {
            throw .tls("\(error)")
        }
    }

    /// The device of a presented chain; nil unless it is one certificate with a P-256 key.
    static func peer(of chain: [NIOSSLCertificate]) -> (device: DeviceID, certificateDER: [UInt8])? {
        guard chain.count == 1, let bytes = try? chain[0].toDERBytes(),
            let device = deviceID(ofCertificateDER: bytes)
        else { return nil }
        return (device, bytes)
    }

    /// What a failed handshake was about, for the counters; the texts are BoringSSL's.
    static func reason(of error: any Error) -> RefusalReason {
        let text = "\(error)"
        if text.contains("UNSUPPORTED_PROTOCOL") { return .tlsVersion }
        if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") { return .noCertificate }
        return .notTLS
    }
}
