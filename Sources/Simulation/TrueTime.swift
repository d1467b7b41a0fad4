import Primitives

/// Nanoseconds of the simulation's own time. A plain integer, because it is added and compared for every event.
package typealias Nanoseconds = Int64

/// A moment of true time: what an outside observer sees. No device ever reads it.
package struct TrueTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var nanoseconds: Nanoseconds

    package init(_ nanoseconds: Nanoseconds) { self.nanoseconds = nanoseconds }

    package static let start = TrueTime(0)
    package static let never = TrueTime(.max)

    package static func < (a: TrueTime, b: TrueTime) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: TrueTime, b: Nanoseconds) -> TrueTime { TrueTime(a.nanoseconds &+ b) }
    package static func - (a: TrueTime, b: TrueTime) -> Nanoseconds { a.nanoseconds &- b.nanoseconds }

    /// Seconds with milliseconds: `12.345`.
    package var description: String {
        let milliseconds = nanoseconds / 1_000_000
        let digits = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
    }
}

extension Nanoseconds {
    package static func microseconds(_ count: Int64) -> Nanoseconds { count * 1000 }
    package static func milliseconds(_ count: Int64) -> Nanoseconds { count * 1_000_000 }
    package static func seconds(_ count: Int64) -> Nanoseconds { count * 1_000_000_000 }
    package static func hours(_ count: Int64) -> Nanoseconds { count * 3_600_000_000_000 }
}

/// The clocks of one device, as functions of true time.
///
/// - counts suspend: what the device's core measures with; runs at its own rate;
/// - stops in suspend: what timers of the system run on, so that a wake-up finds them late;
/// - wall: jumps at will. Nothing in the core reads it.
struct NodeClock: Hashable, Sendable {
    static let nominal: Int64 = 1_000_000

    /// Parts per million of true time.
    private(set) var rate: Int64
    private var segmentStart = TrueTime.start
    private var segmentLocal: Nanoseconds
    /// Local time spent in suspend so far: how far the stopping clock is behind.
    private(set) var asleep: Nanoseconds = 0
    /// What the clock that counts suspend showed when the machine went to sleep.
    private var suspendedAt: Nanoseconds?
    /// The wall clock minus the clock that counts suspend.
    private(set) var wallOffset: Nanoseconds = 0

    init(rate: Int64, origin: Nanoseconds) {
        self.rate = rate
        segmentLocal = origin
    }

    /// The clock that counts suspend.
    func local(at time: TrueTime) -> Nanoseconds { segmentLocal &+ Self.scale(time - segmentStart, rate, Self.nominal) }

    func instant(at time: TrueTime) -> Instant { Instant(sinceOrigin: .wholeNanoseconds(local(at: time))) }

    /// The clock that stops in suspend.
    func awake(at time: TrueTime) -> Nanoseconds {
        (suspendedAt ?? local(at: time)) &- asleep
    }

    func wall(at time: TrueTime) -> Nanoseconds { local(at: time) &+ wallOffset }

    /// The first true moment at which the local clock shows `local` or more.
    func trueTime(of local: Nanoseconds) -> TrueTime {
        guard local > segmentLocal else { return segmentStart }
        let distance = local &- segmentLocal
        let whole = (distance / rate).multipliedReportingOverflow(by: Self.nominal)
        guard !whole.overflow else { return .never }
        let rest = (distance % rate &* Self.nominal &+ rate &- 1) / rate
        return segmentStart + (whole.partialValue &+ rest)
    }

    /// True time that passes while the local clock runs for `duration`.
    func trueLength(of duration: Nanoseconds) -> Nanoseconds { Self.scale(duration, Self.nominal, rate) }

    mutating func setRate(_ new: Int64, at time: TrueTime) {
        segmentLocal = local(at: time)
        segmentStart = time
        rate = new
    }

    mutating func suspend(at time: TrueTime) { suspendedAt = suspendedAt ?? local(at: time) }

    mutating func wake(at time: TrueTime) {
        guard let since = suspendedAt else { return }
        asleep &+= local(at: time) &- since
        suspendedAt = nil
    }

    mutating func jumpWall(by distance: Nanoseconds) { wallOffset &+= distance }

    /// A machine that boots again starts its monotonic clocks from a new origin, which may lie behind the old one.
    mutating func reboot(at time: TrueTime, origin: Nanoseconds) {
        segmentLocal = origin
        segmentStart = time
        asleep = 0
        suspendedAt = nil
    }

    private static func scale(_ value: Nanoseconds, _ numerator: Int64, _ denominator: Int64) -> Nanoseconds {
        (value / denominator) &* numerator &+ (value % denominator) &* numerator / denominator
    }
}
