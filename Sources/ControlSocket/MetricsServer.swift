import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization

/// `GET /metrics` over HTTP/1.1 on a loopback address: one request a connection, and nothing else is answered. Nobody
/// is asked who they are: every user of this machine may read the numbers, which is why it must be switched on.
package final class MetricsServer: Sendable {
    private let host: String
    private let port: Int
    private let logger: Logger
    private let text: @Sendable () async -> String
    private let state = Mutex(State())

    private struct State {
        var listener: (any Channel)?
        var connections = 0
    }

    /// - Parameter address: `127.0.0.1:9470`, `[::1]:9470` or `localhost:9470`; port 0 takes any.
    package init(
        address: String, logger: Logger, text: @escaping @Sendable () async -> String
    ) throws(ControlFailure) {
        guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]) else {
            throw .failed("'\(address)' is no address", hint: Self.hint)
        }
        let host = String(address[..<colon])
        guard ["127.0.0.1", "[::1]", "localhost"].contains(host) else {
            throw .failed("'\(host)' is no loopback address: metrics never leave this machine", hint: Self.hint)
        }
        self.host = host == "[::1]" ? "::1" : "127.0.0.1"
        self.port = Int(port)
        self.logger = logger
        self.text = text
    }

    private static let hint = "for instance: baton config set metrics.listen 127.0.0.1:9470"

    /// - Returns: the port that is listened on.
    package func start() async throws(ControlFailure) -> Int {
        let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.admit(channel) }
            }
        do {
            let listener = try await bootstrap.bind(host: host, port: port).get()
            state.withLock { $0.listener = listener }
            return listener.localAddress?.port ?? port
        } catch {
            throw .failed("cannot listen on \(host):\(port): \(error)", hint: "choose another port: \(Self.hint)")
        }
    }

    package func stop() async {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        do { try await listener?.close().get() } catch {
            logger.debug("metrics were closed already", metadata: ["error": "\(error)"])
        }
    }

    private func admit(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.closeOnExec()
        let isOneTooMany = state.withLock { state in
            state.connections += 1
            return state.connections > Limits.metricsConnections
        }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.connections -= 1 } }
        guard !isOneTooMany else { return channel.close(promise: nil) }
        try channel.pipeline.syncOperations.addHandler(MetricsHandler(text: text))
    }
}

/// One request: read up to its empty line, answered, closed.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: @Sendable () async -> String
    private var head: [UInt8] = []
    private var isAnswered = false
    private var deadline: Scheduled<Void>?

    init(text: @escaping @Sendable () async -> String) { self.text = text }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: .nanoseconds(Limits.metricsRequestTime.wholeNanoseconds)) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        head += unwrapInboundIn(data).readableBytesView
        let text = String(decoding: head, as: UTF8.self)
        if text.contains("\r\n\r\n") || text.contains("\n\n") {
            answer(text, on: context.channel)
        } else if head.count > Limits.metricsRequestBytes {
            isAnswered = true
            Self.send("431 Request Header Fields Too Large", "too long\n", on: context.channel)
        }
    }

    private func answer(_ request: String, on channel: any Channel) {
        isAnswered = true
        let words = request.split(whereSeparator: \.isNewline).first?.split(separator: " ") ?? []
        let host = request.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("host:") }
        guard words.count == 3, words[2].hasPrefix("HTTP/1") else {
            return Self.send("400 Bad Request", "no HTTP request\n", on: channel)
        }
        // A page of some site in a browser of this machine could ask, under a name that it made mean this machine.
        guard host.map(Self.isLocal) ?? true else {
            return Self.send("403 Forbidden", "not under that name\n", on: channel)
        }
        guard words[0] == "GET" else { return Self.send("405 Method Not Allowed", "only GET\n", on: channel) }
        guard words[1].split(separator: "?").first == "/metrics" else {
            return Self.send("404 Not Found", "see /metrics\n", on: channel)
        }
        Self.sendMetrics(text, on: channel)
    }

    private static func sendMetrics(_ text: @escaping @Sendable () async -> String, on channel: any Channel) {
        Task { send("200 OK", await text(), on: channel) }
    }

    private static func isLocal(_ line: Substring) -> Bool {
        let name = line.dropFirst(5).filter { $0 != " " && $0 != "\t" }.lowercased()
        return ["127.0.0.1", "localhost", "[::1]"].contains { name == $0 || name.hasPrefix($0 + ":") }
    }

    private static func send(_ status: String, _ body: String, on channel: any Channel) {
        let head = """
            HTTP/1.1 \(status)\r
            Content-Type: text/plain; version=0.0.4; charset=utf-8\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \r

            """
        channel.writeAndFlush(ByteBuffer(string: head + body)).whenComplete { _ in channel.close(promise: nil) }
    }
}
