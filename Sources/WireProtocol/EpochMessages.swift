import DeviceCore
import Foundation
import Primitives

extension Epoch {
    init(_ number: UInt64, draw: UInt64, _ field: String) throws(WireError) {
        self.init(number: try Read.number(number, field), draw: try Read.number(draw, field))
        guard self.number > 0 else { throw .invalid(field: field, "is no number of an epoch") }
    }
}

extension EpochRecord {
    var wire: WireRecovery {
        WireRecovery.with {
            $0.number = epoch.number
            $0.draw = epoch.draw
            $0.parentNumber = parent.number
            $0.parentDraw = parent.draw
            $0.founder = Write.device(founder)
            if let head { $0.head = Write.revision(head) }
        }
    }

    init(_ wire: WireRecovery) throws(WireError) {
        self.init(
            epoch: try Epoch(wire.number, draw: wire.draw, "epoch"),
            parent: try Epoch(wire.parentNumber, draw: wire.parentDraw, "epoch's parent"),
            founder: try Read.device(wire.founder, "epoch's founder"),
            head: try Read.revision(wire.head, if: !wire.head.isEmpty, "epoch's head"))
    }
}
