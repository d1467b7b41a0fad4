import GitWorkspace
import Logging
import MeshTransport
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Objects from device to device: what a stream asks for, who serves it, who fetches over it.
///
/// A stream begins with one line: `pack WANT HAVE...` (a thin pack, no negotiation) or `upload-pack` (git's own
/// protocol, read-only, `refs/baton/*` alone).
struct GitStreams: Sendable {
    let workspace: Workspace
    let logger: Logger

    enum Header: Equatable {
        case pack(want: Revision, have: [Revision])
        case uploadPack

        /// Nil for anything else; total on any bytes.
        init?(_ bytes: [UInt8]) {
            guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
            let words = text.split(separator: " ", omittingEmptySubsequences: false)
            if words == ["upload-pack"] {
                self = .uploadPack
                return
            }
            guard words.first == "pack", words.count >= 2, words.count <= 2 + Limits.streamHaves else { return nil }
            let revisions = words.dropFirst().compactMap { Revision(hex: $0) }
            guard revisions.count == words.count - 1 else { return nil }
            self = .pack(want: revisions[0], have: Array(revisions.dropFirst()))
        }

        var bytes: [UInt8] {
            switch self {
            case .uploadPack: Array("upload-pack".utf8)
            case .pack(let want, let have): Array((["pack", want.hex] + have.map(\.hex)).joined(separator: " ").utf8)
            }
        }
    }

    /// Called on the event loop: starts the serving and returns at once.
    func accept(_ peer: DeviceID, _ header: [UInt8]) -> StreamDecision {
        guard let header = Header(header) else { return .refuse("a stream that asks for nothing known") }
        do throws(TransportError) {
            let (transport, user) = try StreamDescriptors.pair()
            Task { await serve(header, to: peer, over: user) }
            return .accept(transport)
        } catch {
            return .refuse(error.message)
        }
    }

    private func serve(_ header: Header, to peer: DeviceID, over descriptor: Int32) async {
        defer { close(descriptor) }
        do {
            switch header {
            case .pack(let want, let have):
                try await workspace.servePack(want: want, have: have, descriptor: descriptor)
            case .uploadPack: try await workspace.serveUploadPack(descriptor: descriptor)
            }
        } catch {
            logger.info("a stream ended early", metadata: ["peer": "\(peer.short)", "reason": "\(error)"])
        }
    }

    /// Makes `revision` whole here: first by a thin pack against what both probably have, then by git's own protocol.
    func fetch(
        _ revision: Revision, from peer: DeviceID, captureOf device: DeviceID?, known: [Revision],
        transport: MeshTransport
    ) async throws {
        if await workspace.has(revision) { return }
        var have = try await workspace.haves()
        for revision in known where !have.contains(revision) {
            if await workspace.has(revision) { have.append(revision) }
        }
        if !have.isEmpty {
            do {
                let header = Header.pack(want: revision, have: Array(have.prefix(Limits.streamHaves)))
                let descriptor = try await open(header, to: peer, transport)
                defer { close(descriptor) }
                try await workspace.receivePack(want: revision, descriptor: descriptor, captureOf: device)
                return
            } catch {
                logger.info(
                    "no pack, trying upload-pack", metadata: ["peer": "\(peer.short)", "reason": "\(error)"])
            }
        }
        let descriptor = try await open(.uploadPack, to: peer, transport)
        defer { close(descriptor) }
        try await workspace.fetchUploadPack(want: revision, descriptor: descriptor, captureOf: device)
    }

    /// A device that has just joined, or moved, tells its addresses through the log: that may take a moment.
    private func open(_ header: Header, to peer: DeviceID, _ transport: MeshTransport) async throws -> Int32 {
        let end = ContinuousClock.now + Limits.addressPatience
        while true {
            do throws(TransportError) {
                return try await transport.openStream(to: peer, header: header.bytes)
            } catch {
                guard case .unknownPeer = error, ContinuousClock.now < end else { throw error }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
