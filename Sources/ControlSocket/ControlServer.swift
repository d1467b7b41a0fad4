import CSystemCalls
import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The agent's end: listens on the socket of one home and hands calls to a handler.
///
/// A lock file beside the socket, held while the server runs, is what says that an agent lives: it goes with the
/// process, however that ends. A socket without it is stale and is replaced.
package final class ControlServer: Sendable {
    private let address: ControlAddress
    private let group: any EventLoopGroup
    private let handler: any ControlHandler
    private let logger: Logger
    private let uid: uid_t
    private let halfMessage: TimeAmount
    private let refusalCounter = RefusalCounter()
    private let state = Mutex(State())

    private struct State {
        var listener: (any Channel)?
        var lock: Int32 = -1
        var lastID: UInt64 = 0
        var connections: [UInt64: ServerConnection] = [:]
    }

    /// - Parameters:
    ///   - uid: whose connections are taken; anyone else's are refused.
    ///   - halfMessage: how long a message may stay begun.
    package init(
        address: ControlAddress, group: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup,
        handler: any ControlHandler, logger: Logger,
        uid: uid_t = geteuid(), halfMessage: Duration = Limits.controlHalfMessage
    ) {
        self.address = address
        self.group = group
        self.handler = handler
        self.logger = logger
        self.uid = uid
        self.halfMessage = .nanoseconds(halfMessage.wholeNanoseconds)
    }

    package var refusals: ControlRefusals { refusalCounter.value }
    package var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Makes the directory and listens. Refuses if an agent answers there already.
    package func start() async throws(ControlFailure) {
        try address.prepare()
        let lock = try takeLock()
        do {
            try await removeStaleSocket()
            let bootstrap = ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 128)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try self.admit(channel) }
                }
            let listener = try await bootstrap.bind(unixDomainSocketPath: address.socket).get()
            chmod(address.socket, 0o600)
            state.withLock {
                $0.listener = listener
                $0.lock = lock
            }
        } catch {
            closeDescriptor(lock)
            throw (error as? ControlFailure)
                ?? .failed("cannot listen on \(address.socket): \(error)", hint: "is the disk full?")
        }
        logger.debug("control socket open", metadata: ["path": "\(address.socket)"])
    }

    /// Stops listening, ends the connections and removes the socket.
    package func stop() async {
        let (listener, lock, connections) = state.withLock { state in
            defer {
                state.listener = nil
                state.lock = -1
            }
            return (state.listener, state.lock, Array(state.connections.values))
        }
        guard let listener else { return }
        unlink(address.socket)
        do {
            try await listener.close().get()
        } catch {
            logger.debug("control socket was closed already", metadata: ["error": "\(error)"])
        }
        for connection in connections { connection.close() }
        closeDescriptor(lock)
    }

    private func takeLock() throws(ControlFailure) -> Int32 {
        let path = address.socket + ".lock"
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else {
            throw .failed("cannot open \(path): \(String(cString: strerror(errno)))", hint: nil)
        }
        guard csystem_lock_file(lock) == 0 else {
            closeDescriptor(lock)
            throw .agentAlreadyRunning(address.socket)
        }
        return lock
    }

    /// We hold the lock; a socket that nevertheless answers belongs to something else, which is left alone.
    private func removeStaleSocket() async throws(ControlFailure) {
        var status = stat()
        guard lstat(address.socket, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notOurs(address.socket, "is not a socket") }
        if let channel = try? await ClientBootstrap(group: group).connect(unixDomainSocketPath: address.socket).get() {
            channel.close(promise: nil)
            throw .agentAlreadyRunning(address.socket)
        }
        unlink(address.socket)
    }

    /// Sets up a connection that was accepted, or refuses it: an error closes the channel.
    private func admit(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.closeOnExec()
        let peer = try channel.pipeline.syncOperations.peerUID()
        guard peer == uid else {
            refusalCounter.count { $0.strangers += 1 }
            throw ControlFailure.notOurs(address.socket, "was reached by uid \(peer)")
        }
        let (connection, isOneTooMany) = state.withLock { state in
            state.lastID += 1
            let connection = ServerConnection(
                id: state.lastID, channel: channel, handler: handler, refusals: refusalCounter)
            let isOneTooMany = state.connections.count >= Limits.controlConnections
            if !isOneTooMany { state.connections[connection.id] = connection }
            return (connection, isOneTooMany)
        }
        guard !isOneTooMany else {
            refusalCounter.count { $0.tooMany += 1 }
            return try channel.pipeline.syncOperations.addHandler(DismissHandler(connection: connection))
        }
        let frames = ServerFrameHandler(connection: connection, halfMessage: halfMessage) { [weak self] in
            self?.state.withLock { $0.connections[connection.id] = nil }
        }
        try channel.pipeline.syncOperations.addHandler(frames)
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// A child that inherited the socket would keep the connection alive after us: NIO does not set this itself.
    func closeOnExec() throws {
        try withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { descriptor in
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// The uid of the process at the other end of a Unix socket.
    func peerUID() throws -> uid_t {
        var peer: uid_t = 0
        let result = try withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { descriptor in
            csystem_peer_uid(descriptor, &peer)
        }
        guard result == 0 else { throw ControlFailure.notOurs("the socket", "does not tell who is at its other end") }
        return peer
    }
}

/// `close(2)`, which a method of the same name hides.
private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
