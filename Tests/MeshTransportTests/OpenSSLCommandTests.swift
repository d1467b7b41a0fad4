import Foundation
import Identity
import Primitives
import Testing

@testable import MeshTransport

private let opensslPath = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

/// `openssl s_client` as the peer: what anyone can type to check us.
@Suite(.enabled(if: opensslPath != nil, "the openssl command is not installed"))
struct OpenSSLCommandTests {
    /// What the command printed until the peer closed, or until it printed `enough`; then its input ends.
    private func run(_ arguments: String, _ port: Int, until enough: String? = nil) async throws -> String {
        let openssl = try #require(opensslPath)
        return try await onThread {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            let command = "exec timeout 30 \(openssl) s_client -connect 127.0.0.1:\(port) \(arguments) 2>&1"
            process.arguments = ["-c", command]
            let (input, output) = (Pipe(), Pipe())
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            var text = ""
            while case let bytes = output.fileHandleForReading.availableData, !bytes.isEmpty {
                text += String(decoding: bytes, as: UTF8.self)
                if let enough, text.contains(enough) { break }
            }
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            return text
        }
    }

    private func expectCounted(_ host: Node, _ reason: RefusalReason, _ count: UInt64 = 1) async throws {
        try await eventually("counted: \(reason)") { host.transport.counters.refused(reason) == count }
    }

    @Test func sClientSeesWhatItShould() async throws {
        let scratch = try Scratch()
        let (me, _) = try scratch.identity("host")
        let (friend, pem) = try scratch.identity("friend")
        let (_, strangerPEM) = try scratch.identity("stranger")
        let host = try await Node.start(me, members: [me, friend])
        let port = host.address.port
        let good = "-cert \(pem) -key \(pem)"

        // Until our hello has come: it is the sign of being let in.
        let accepted = try await run("\(good) -alpn baton-mesh/1 -tls1_3", port, until: "\0\0\0\u{3}\0\0\u{1}")
        #expect(accepted.contains("ALPN protocol: baton-mesh/1"))
        #expect(accepted.contains("TLSv1.3"))
        #expect(accepted.contains("Peer signature type: ECDSA"))
        #expect(host.transport.counters.refusedInAll == 0, "\(host.transport.counters.refusals)")

        let stranger = try await run("-cert \(strangerPEM) -key \(strangerPEM) -alpn baton-mesh/1", port)
        #expect(!stranger.isEmpty)
        try await expectCounted(host, .stranger, 1)
        #expect(try await run("-alpn baton-mesh/1", port).contains("certificate required"))
        try await expectCounted(host, .noCertificate, 1)
        #expect(try await run("\(good) -alpn baton-mesh/1 -tls1_2", port).contains("protocol version"))
        try await expectCounted(host, .tlsVersion, 1)
        _ = try await run("\(good) -alpn h2", port)
        try await expectCounted(host, .wrongProtocol, 1)
        _ = try await run(good, port)
        try await expectCounted(host, .wrongProtocol, 2)
        #expect(host.transport.counters.refusedInAll == 5)
        #expect(host.transport.counters.linksUp == 0)
        try await host.expectUnharmed(by: [me, friend])
        await host.transport.stop()
    }
}
