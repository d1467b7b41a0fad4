import COpenSSL
import Foundation
import MeshTransport

struct OpenSSLFailure: Error, CustomStringConvertible {
    var description: String
}

private func openSocket(_ port: Int, listen isServer: Bool) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { known in
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            return isServer ? bind(descriptor, known, size) : connect(descriptor, known, size)
        }
    }
    guard result == 0 else {
        close(descriptor)
        throw OpenSSLFailure(description: "socket: \(String(cString: strerror(errno)))")
    }
    // Nothing in these tests waits for ever.
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return descriptor
}

/// A plain blocking TCP client.
final class PlainClient {
    let descriptor: Int32

    init(port: Int) throws { descriptor = try openSocket(port, listen: false) }
    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// Whether the other end closes within the socket's timeout, whatever it sends before.
    func isClosedByPeer() -> Bool {
        var block = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &block, block.count, 0)
            if count == 0 { return true }
            if count < 0 { return errno == ECONNRESET }
        }
    }
}

/// A blocking TLS client on system OpenSSL, which shares no code with the TLS of the agent. One thread only.
final class OpenSSLClient {
    struct Settings: Sendable {
        var pem: String?
        var alpn: String? = "baton-mesh/1"
        var newestVersion = TLS1_3_VERSION
        /// A certificate that goes along behind the first.
        var extraCertificate: String?
    }

    private let context: OpaquePointer
    private let tls: OpaquePointer
    private let socket: PlainClient
    private(set) var isConnected = false

    /// Connects and shakes hands; a failed handshake leaves `isConnected` false.
    init(port: Int, _ settings: Settings, session: OpaquePointer? = nil) throws {
        socket = try PlainClient(port: port)
        guard let context = SSL_CTX_new(TLS_client_method()), let tls = Self.connection(context, settings) else {
            throw OpenSSLFailure(description: "no context")
        }
        self.context = context
        self.tls = tls
        if let session { SSL_set_session(tls, session) }
        SSL_set_fd(tls, socket.descriptor)
        isConnected = SSL_connect(tls) == 1
    }

    private static func connection(_ context: OpaquePointer, _ settings: Settings) -> OpaquePointer? {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        _ = copenssl_set_max_version(context, settings.newestVersion)
        if let pem = settings.pem {
            guard SSL_CTX_use_certificate_file(context, pem, SSL_FILETYPE_PEM) == 1,
                SSL_CTX_use_PrivateKey_file(context, pem, SSL_FILETYPE_PEM) == 1
            else { return nil }
        }
        if let extra = settings.extraCertificate, let file = BIO_new_file(extra, "r") {
            if let certificate = PEM_read_bio_X509(file, nil, nil, nil) {
                copenssl_add_chain_certificate(context, certificate)
            }
            BIO_free(file)
        }
        let tls = SSL_new(context)
        if let alpn = settings.alpn {
            let list = [UInt8(alpn.utf8.count)] + Array(alpn.utf8)
            SSL_set_alpn_protos(tls, list, UInt32(list.count))
        }
        return tls
    }

    deinit {
        SSL_free(tls)
        SSL_CTX_free(context)
    }

    var wasResumed: Bool { SSL_session_reused(tls) == 1 }
    /// For a later `init(session:)`; the caller frees it.
    func session() -> OpaquePointer? { SSL_get1_session(tls) }

    func write(_ bytes: [UInt8]) -> Bool { SSL_write(tls, bytes, Int32(bytes.count)) == bytes.count }

    /// Nil when the connection ended, with or without an alert.
    func read(_ limit: Int = 4096) -> [UInt8]? {
        var block = [UInt8](repeating: 0, count: limit)
        let count = SSL_read(tls, &block, Int32(limit))
        return count > 0 ? Array(block.prefix(Int(count))) : nil
    }

    /// Reads until the connection ends; the bytes that came.
    func readToEnd() -> [UInt8] {
        var all: [UInt8] = []
        while let more = read() { all += more }
        return all
    }
}

/// A TLS server on system OpenSSL that counts the application bytes it hears.
final class OpenSSLServer: @unchecked Sendable {
    // Unchecked: all properties are set in init; OpenSSL's context may be used from any thread, and `acceptOne` makes
    // everything else itself.
    private let context: OpaquePointer
    private let listener: Int32
    let address: TransportAddress

    init(pem: String, alpn: String?) throws {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw OpenSSLFailure(description: "no context") }
        self.context = context
        guard SSL_CTX_use_certificate_file(context, pem, SSL_FILETYPE_PEM) == 1,
            SSL_CTX_use_PrivateKey_file(context, pem, SSL_FILETYPE_PEM) == 1
        else { throw OpenSSLFailure(description: "no key") }
        if alpn != nil { copenssl_accept_any_alpn(context) }
        let descriptor = try openSocket(0, listen: true)
        listen(descriptor, 4)
        var bound = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        listener = descriptor
        address = TransportAddress(host: "127.0.0.1", port: Int(UInt16(bigEndian: bound.sin_port)))
    }

    deinit {
        close(listener)
        SSL_CTX_free(context)
    }

    /// Serves one client; how many application bytes it sent before it went (at most one read's worth is waited for).
    func acceptOne() -> Int {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0, let tls = SSL_new(context) else { return -1 }
        defer {
            SSL_free(tls)
            close(descriptor)
        }
        SSL_set_fd(tls, descriptor)
        guard SSL_accept(tls) == 1 else { return 0 }
        var block = [UInt8](repeating: 0, count: 4096)
        return max(0, Int(SSL_read(tls, &block, Int32(block.count))))
    }
}
