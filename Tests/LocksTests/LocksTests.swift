import Locks
import Primitives
import Testing

// What the tests of this module share: short names for devices, locks, tokens and moments.

let a = DeviceID(number: 1)
let b = DeviceID(number: 2)
let c = DeviceID(number: 3)
let d = DeviceID(number: 4)
let ttl: Duration = .seconds(3)
let sync = LockName.sync
let firstTerm = Term(1)

func token(_ counter: UInt64, epoch: UInt64 = 1) -> FencingToken { FencingToken(epoch: epoch, counter: counter) }
func grant(_ holder: DeviceID, _ counter: UInt64) -> Grant { Grant(holder: holder, token: token(counter), ttl: ttl) }
func lock(_ number: Int) throws -> LockName { try #require(LockName("lock/\(number)")) }
func at(_ milliseconds: Int) -> Instant { .origin + .milliseconds(milliseconds) }

/// A table with the events of everything applied to it.
struct Recorded {
    var table = LockTable()
    var events: [LockEvent] = []

    @discardableResult
    mutating func apply(_ command: LockCommand, term: Term = firstTerm) -> LockOutcome {
        table.apply(command, term: term, into: &events)
    }

    @discardableResult
    mutating func acquire(_ device: DeviceID, waits: Bool = true, _ name: LockName = sync) -> LockOutcome {
        apply(.acquire(name, device: device, ttl: ttl, waits: waits))
    }
}
