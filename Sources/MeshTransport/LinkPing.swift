import NIOCore
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A ping under way. Its answer carries the answerer's wall clock (8 bytes, milliseconds since 1970; a peer that is
/// older sends none): for people, no rule rests on it.
struct LinkPing {
    private let sent = NIODeadline.now()
    private let sentAt = Self.wallMilliseconds

    struct Measurement: Hashable {
        var roundTrip: Duration
        var clockOffset: Duration?
    }

    func measure(_ answer: ByteBuffer) -> Measurement {
        let taken = max(0, (NIODeadline.now() - sent).nanoseconds)
        let roundTrip = Duration.nanoseconds(taken)
        guard let theirs = answer.getInteger(at: answer.readerIndex, as: Int64.self) else {
            return Measurement(roundTrip: roundTrip)
        }
        // Whatever number a peer sends: at most a hundred years either way.
        let most: Int64 = 3_155_760_000_000
        let middle = sentAt &+ taken / 2_000_000
        let (offset, isAbsurd) = theirs.subtractingReportingOverflow(middle)
        let clamped = isAbsurd ? (theirs > 0 ? most : -most) : min(max(offset, -most), most)
        return Measurement(roundTrip: roundTrip, clockOffset: .milliseconds(clamped))
    }

    static func answer() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(wallMilliseconds)
        return Wire.frame(.pong, buffer.readableBytesView)
    }

    static var wallMilliseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }
}
