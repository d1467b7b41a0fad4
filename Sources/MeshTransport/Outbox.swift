import NIOCore
import Primitives
import Synchronization

/// Frames waiting to be written to one peer. Filled by any thread, emptied on the event loop.
final class Outbox: Sendable {
    private struct State {
        var frames = CircularBuffer<[UInt8]>()
        var bytes = 0
        /// The loop knows that there is something; cleared when it found nothing left.
        var isAwake = false
    }
    private let state = Mutex(State())

    /// Adds a frame; drops the oldest ones beyond the limits. `wake`: the loop must be told.
    func push(_ frame: [UInt8]) -> (dropped: Int, wake: Bool) {
        state.withLock { state in
            var dropped = 0
            while state.frames.count >= Limits.outboundFrames
                || (state.bytes + frame.count > Limits.outboundBytes && !state.frames.isEmpty)
            {
                guard let oldest = state.frames.popFirst() else { break }
                state.bytes -= oldest.count
                dropped += 1
            }
            state.frames.append(frame)
            state.bytes += frame.count
            let wake = !state.isAwake
            state.isAwake = true
            return (dropped, wake)
        }
    }

    /// As many frames as fit in `bytes` (one at least) in one buffer; nil when nothing waits.
    func take(upTo bytes: Int) -> (buffer: ByteBuffer, frames: Int)? {
        let taken: [[UInt8]] = state.withLock { state in
            var taken: [[UInt8]] = []
            var size = 0
            while let first = state.frames.first, taken.isEmpty || size + first.count <= bytes {
                state.frames.removeFirst()
                state.bytes -= first.count
                size += first.count + Wire.headerBytes
                taken.append(first)
            }
            if taken.isEmpty { state.isAwake = false }
            return taken
        }
        guard !taken.isEmpty else { return nil }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(taken.reduce(0) { $0 + $1.count + Wire.headerBytes })
        for frame in taken { Wire.write(.data, frame, into: &buffer) }
        return (buffer, taken.count)
    }
}
