import DeviceCore
import Primitives

extension StopOrder {
    var wire: WireStopOrder {
        WireStopOrder.with {
            $0.emergency = kind == .emergency
            $0.by = Write.device(by)
            $0.at = at
            $0.why = Write.sentence(why)
            if let left { $0.left = Write.duration(left) }
        }
    }

    init(_ wire: WireStopOrder) throws(WireError) {
        self.init(
            kind: wire.emergency ? .emergency : .pause, by: try Read.device(wire.by, "stop.by"),
            at: try Read.number(wire.at, "stop.at"), why: try Read.sentence(wire.why, "stop.why"),
            left: wire.hasLeft ? try Read.duration(wire.left, "stop.left") : nil)
    }
}

extension MeshStop {
    var wire: WireMeshStop {
        WireMeshStop.with {
            $0.version = version
            if let by { $0.by = Write.device(by) }
            if let order { $0.order = order.wire }
        }
    }

    init(_ wire: WireMeshStop) throws(WireError) {
        self.init(
            version: try Read.number(wire.version, "stop.version"),
            by: try Read.device(wire.by, if: wire.hasBy, "stop.by"),
            order: wire.hasOrder ? try StopOrder(wire.order) : nil)
    }
}

extension StopState {
    var wire: WireStopState {
        WireStopState.with {
            if let here { $0.here = here.wire }
            $0.mesh = mesh.wire
        }
    }

    init(_ wire: WireStopState) throws(WireError) {
        self.init(here: wire.hasHere ? try StopOrder(wire.here) : nil, mesh: try MeshStop(wire.mesh))
    }
}
