import Primitives

// A quorum lost for good, or what a person takes for it, as a seed draws it.

extension Scenario {
    /// Rarely: it makes the rest of a run another run. Not with a hub: it has one branch for all epochs, and who of two
    /// survivors may write there is not modelled.
    static func drawRecovery(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 1, scenario.hub == nil, draw.below(3) == 0 else { return }
        let at = draw.between(.seconds(12), .seconds(45))
        let survivor = draw.below(scenario.devices)
        switch draw.below(scenario.devices > 2 ? 4 : 2) {
        case 0, 1: drawLoss(&scenario, &draw, survivor, at)
        case 2: drawApart(&scenario, &draw, survivor, at)
        default: drawRivals(&scenario, &draw, survivor, at)
        }
    }

    /// Most of the others are gone for a while.
    private static func drawLoss(
        _ scenario: inout Scenario, _ draw: inout FaultDraw, _ survivor: Int, _ at: Nanoseconds
    ) {
        for node in 0..<scenario.devices where node != survivor && draw.below(5) > 0 {
            scenario.add(at, .crash(.node(node), power: draw.below(2) == 0, down: draw.interval(.seconds(15))))
        }
        let asked = at + draw.between(.milliseconds(10), .seconds(6))
        scenario.add(asked, .recover(.node(survivor), isForced: draw.below(4) == 0))
        guard draw.below(3) == 0 else { return }
        // Somebody else has the same idea, or the same person once more.
        let again = draw.between(.milliseconds(10), .seconds(12))
        scenario.add(
            asked + again, .recover(.node(draw.below(scenario.devices)), isForced: draw.below(2) == 0))
    }

    /// The others are alive, and go on where the one does not hear them.
    private static func drawApart(
        _ scenario: inout Scenario, _ draw: inout FaultDraw, _ survivor: Int, _ at: Nanoseconds
    ) {
        let length = draw.between(.seconds(6), .seconds(20))
        scenario.add(at, .cut(.isolate(.node(survivor)), length))
        scenario.add(at + draw.between(.seconds(3), length), .recover(.node(survivor), isForced: draw.below(2) == 0))
    }

    /// Two are left, and neither hears the other.
    private static func drawRivals(
        _ scenario: inout Scenario, _ draw: inout FaultDraw, _ survivor: Int, _ at: Nanoseconds
    ) {
        let other = (survivor + 1) % scenario.devices
        for node in 0..<scenario.devices where node != survivor && node != other {
            let down = draw.between(.seconds(15), .seconds(25))
            scenario.add(at, .crash(.node(node), power: draw.below(2) == 0, down: down))
        }
        scenario.add(at, .cut(.isolate(.node(survivor)), draw.between(.seconds(12), .seconds(20))))
        for node in [survivor, other] {
            let asked = draw.between(.seconds(4), .seconds(9))
            scenario.add(at + asked, .recover(.node(node), isForced: draw.below(3) == 0))
        }
    }
}
