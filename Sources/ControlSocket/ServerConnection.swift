import NIOCore
import Primitives
import Synchronization

/// One client of the server: its calls in flight and what waits to be written to it. Any thread may use it.
package final class ServerConnection: Sendable {
    let id: UInt64
    private let channel: any Channel
    private let handler: any ControlHandler
    private let refusals: RefusalCounter
    private let state = Mutex(State())

    private struct State {
        var isClosed = false
        var calls: [UInt64: Task<Void, Never>] = [:]
        var outboundBytes = 0
    }

    init(id: UInt64, channel: any Channel, handler: any ControlHandler, refusals: RefusalCounter) {
        self.id = id
        self.channel = channel
        self.handler = handler
        self.refusals = refusals
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    func close() { channel.close(promise: nil) }

    /// Counts a refusal and cuts the connection.
    func refuse(_ count: (inout ControlRefusals) -> Void) {
        refusals.count(count)
        close()
    }

    /// Starts the call that `message` asks for.
    func receive(_ message: ControlMessage) {
        enum Outcome { case started, busy, garbage }
        if message.kind == ControlMessage.cancel {
            // Cancelled outside of the lock: what a call does then may ask for this connection.
            let call = state.withLock { $0.calls[message.id] }
            call?.cancel()
            return
        }
        let outcome = state.withLock { state -> Outcome in
            guard message.id != 0, state.calls[message.id] == nil else { return .garbage }
            guard state.calls.count < Limits.controlCallsInFlight else { return .busy }
            if !state.isClosed { state.calls[message.id] = Task { await self.answer(message) } }
            return .started
        }
        switch outcome {
        case .started: return
        case .garbage: refuse { $0.garbage += 1 }
        case .busy:
            let failure = ControlFailure.busy("more than \(Limits.controlCallsInFlight) calls at once")
            write(errorMessage(message.id, failure), promise: nil)
        }
    }

    private func answer(_ message: ControlMessage) async {
        let session = ControlSession(id: id, call: message.id, connection: self)
        var answer: ControlMessage
        do {
            let body = try await handler.handle(kind: message.kind, body: message.body, session: session)
            answer = ControlMessage(id: message.id, kind: ControlMessage.reply, body: body)
            if answer.bytes.count > Limits.controlMessageBytes {
                let failure = ControlFailure.failed("the answer to \(message.kind) is too long", hint: "ask for less")
                answer = errorMessage(message.id, failure)
            }
        } catch {
            answer = errorMessage(message.id, ControlFailure(error))
        }
        state.withLock { $0.calls[message.id] = nil }
        write(answer, promise: nil)
    }

    func notify(_ kind: String, _ body: [UInt8]) {
        write(ControlMessage(id: 0, kind: kind, body: body), promise: nil)
    }

    func send(_ message: ControlMessage) async throws {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        write(message, promise: promise)
        try await promise.futureResult.get()
    }

    /// Sends one last word and closes.
    func dismiss(_ failure: ControlFailure) {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in self.close() }
        write(errorMessage(0, failure), promise: promise)
    }

    /// The connection ended: calls are cancelled, then the handler is told.
    func ended() {
        let calls = state.withLock { state in
            state.isClosed = true
            return Array(state.calls.values)
        }
        for call in calls { call.cancel() }
        handler.closed(ControlSession(id: id, call: 0, connection: self))
    }

    private func write(_ message: ControlMessage, promise: EventLoopPromise<Void>?) {
        guard let frame = ControlFrames.frame(message, allocator: channel.allocator) else {
            promise?.fail(ControlFailure.failed("a message of the agent is too long", hint: nil))
            return
        }
        let size = frame.readableBytes
        let isTooMuch = state.withLock { state in
            state.outboundBytes += size
            return state.outboundBytes > Limits.controlOutboundBytes
        }
        if isTooMuch {
            promise?.fail(ControlFailure.agentGone)
            return refuse { $0.slowReaders += 1 }
        }
        let written = channel.writeAndFlush(frame)
        written.whenComplete { _ in self.state.withLock { $0.outboundBytes -= size } }
        if let promise { written.cascade(to: promise) }
    }

    private func errorMessage(_ id: UInt64, _ failure: ControlFailure) -> ControlMessage {
        let body = (try? ControlJSON.encode(failure)) ?? Array("{\"code\":1,\"message\":\"failed\"}".utf8)
        return ControlMessage(id: id, kind: ControlMessage.error, body: body)
    }
}

/// Counts refusals from any thread.
final class RefusalCounter: Sendable {
    private let refusals = Mutex(ControlRefusals())
    var value: ControlRefusals { refusals.withLock { $0 } }
    func count(_ change: (inout ControlRefusals) -> Void) { refusals.withLock { change(&$0) } }
}

/// Turns the bytes of one client into messages, on the connection's event loop.
final class ServerFrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ServerConnection
    private let halfMessage: TimeAmount
    private let ended: () -> Void
    private var frames = ControlFrames()
    private var halfMessageTimer: Scheduled<Void>?
    private var isRefused = false

    init(connection: ServerConnection, halfMessage: TimeAmount, ended: @escaping () -> Void) {
        self.connection = connection
        self.halfMessage = halfMessage
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        var bytes = unwrapInboundIn(data)
        frames.append(&bytes)
        do {
            while let frame = try frames.next() {
                stopTimer()
                guard let message = ControlMessage(parsing: frame) else { return refuse { $0.garbage += 1 } }
                connection.receive(message)
            }
        } catch {
            refuse { $0.lengths += 1 }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !frames.isInsideFrame {
            stopTimer()
        } else if halfMessageTimer == nil {
            let connection = connection
            halfMessageTimer = context.eventLoop.scheduleTask(in: halfMessage) {
                connection.refuse { $0.halfMessages += 1 }
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopTimer()
        connection.ended()
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.close() }

    private func refuse(_ count: (inout ControlRefusals) -> Void) {
        isRefused = true
        connection.refuse(count)
    }

    private func stopTimer() {
        halfMessageTimer?.cancel()
        halfMessageTimer = nil
    }
}

/// Tells a client that there is no place for it, as soon as it can be told.
final class DismissHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ServerConnection

    init(connection: ServerConnection) { self.connection = connection }

    func channelActive(context: ChannelHandlerContext) {
        connection.dismiss(.busy("the agent has \(Limits.controlConnections) connections already"))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.close() }
}
