import Primitives

extension FencingToken {
    var wire: WireToken {
        WireToken.with {
            $0.epoch = epoch
            $0.counter = counter
        }
    }

    init(_ wire: WireToken, _ field: String) throws(WireError) {
        self.init(
            epoch: try Read.number(wire.epoch, "\(field).epoch"),
            counter: try Read.number(wire.counter, "\(field).counter"))
    }

    /// Nil if the field is absent.
    static func read(_ wire: WireToken, if present: Bool, _ field: String) throws(WireError) -> FencingToken? {
        present ? try FencingToken(wire, field) : nil
    }
}

extension RoundID {
    var wire: WireRound {
        WireRound.with {
            $0.token = token.wire
            $0.sequence = sequence
        }
    }

    init(_ wire: WireRound) throws(WireError) {
        try Read.present(wire.hasToken, "round.token")
        self.init(
            token: try FencingToken(wire.token, "round.token"),
            sequence: try Read.number(wire.sequence, "round.sequence"))
    }
}

extension RequestID {
    var wire: WireRequest {
        WireRequest.with {
            $0.device = Write.device(device)
            $0.incarnation = incarnation
            $0.number = number
        }
    }

    init(_ wire: WireRequest) throws(WireError) {
        self.init(
            device: try Read.device(wire.device, "request.device"),
            incarnation: try Read.number(wire.incarnation, "request.incarnation"),
            number: try Read.number(wire.number, "request.number"))
    }
}
