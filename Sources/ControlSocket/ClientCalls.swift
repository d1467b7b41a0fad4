import NIOCore
import Primitives
import Synchronization

/// The calls of one connection that wait for an answer. Any thread may use it.
final class ClientCalls: Sendable {
    private let state = Mutex(State())
    let notices: AsyncStream<ControlNotice>
    private let noticeSink: AsyncStream<ControlNotice>.Continuation

    /// What a waiting call does with what comes for it. Called once with a final answer; never under the lock.
    struct Waiter: Sendable {
        /// Takes one item; false if it is full.
        let item: (@Sendable ([UInt8]) -> Bool)?
        let finish: @Sendable (Result<[UInt8], ControlFailure>) -> Void
    }

    private struct State {
        var lastID: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
        /// Why the connection takes no more calls.
        var ended: ControlFailure?
    }

    init() {
        (notices, noticeSink) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(Limits.controlItems))
    }

    /// Why the connection ended; nil while it lives.
    var ended: ControlFailure? { state.withLock { $0.ended } }

    /// A number for a new call; nil if the connection ended, in which case the waiter was told.
    func add(_ waiter: Waiter) -> UInt64? {
        let (id, ended) = state.withLock { state -> (UInt64?, ControlFailure?) in
            if let ended = state.ended { return (nil, ended) }
            state.lastID += 1
            state.waiters[state.lastID] = waiter
            return (state.lastID, nil)
        }
        if let ended { waiter.finish(.failure(ended)) }
        return id
    }

    /// Ends one call here; true if it was still waiting.
    @discardableResult
    func finish(_ id: UInt64, _ result: Result<[UInt8], ControlFailure>) -> Bool {
        guard let waiter = state.withLock({ $0.waiters.removeValue(forKey: id) }) else { return false }
        waiter.finish(result)
        return true
    }

    /// False for a message that no agent sends.
    func receive(_ message: ControlMessage) -> Bool {
        switch message.kind {
        case ControlMessage.reply:
            finish(message.id, .success(message.body))
        case ControlMessage.error:
            guard let failure = try? ControlJSON.decode(ControlFailure.self, from: message.body) else { return false }
            if message.id == 0 { end(failure) } else { finish(message.id, .failure(failure)) }
        case ControlMessage.item:
            let waiter = state.withLock { $0.waiters[message.id] }
            if let take = waiter?.item, !take(message.body) {
                finish(message.id, .failure(.busy("more items came than were read")))
            }
        default:
            guard message.id == 0 else { return false }
            noticeSink.yield(ControlNotice(kind: message.kind, body: message.body))
        }
        return true
    }

    /// Ends every call and the notices; only the first cause counts.
    func end(_ failure: ControlFailure) {
        let waiters = state.withLock { state in
            if state.ended == nil { state.ended = failure }
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.finish(.failure(failure)) }
        noticeSink.finish()
    }
}

/// Turns the agent's bytes into messages, on the connection's event loop.
final class ClientFrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let calls: ClientCalls
    private var frames = ControlFrames()

    init(calls: ClientCalls) { self.calls = calls }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        frames.append(&bytes)
        do {
            while let frame = try frames.next() {
                guard let message = ControlMessage(parsing: frame), calls.receive(message) else {
                    return refuse(context, "the agent sent what is no message")
                }
            }
        } catch {
            refuse(context, "the agent sent a message of a forbidden length")
        }
    }

    func channelInactive(context: ChannelHandlerContext) { calls.end(.agentGone) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func refuse(_ context: ChannelHandlerContext, _ why: String) {
        calls.end(.malformed(why))
        context.close(promise: nil)
    }
}
