import Primitives

// Classes of faults as a seed draws them: partitions, crashes, sleep, clocks, people, members.

extension Scenario {
    static func drawCuts(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let count = scenario.devices
        guard count > 1 else { return }
        let mean = draw.pick([Nanoseconds.seconds(4), .seconds(10), .seconds(25)])
        let length = draw.pick([Nanoseconds.milliseconds(800), .seconds(4), .seconds(15)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            let cut: Cut =
                switch draw.below(12) {
                case 0, 1: .isolate(draw.target())
                case 2, 3: .halves(1 + draw.below(count - 1))
                case 4: .deaf(draw.target())
                case 5: .mute(draw.target())
                case 6: .ring
                case 7: .bridge(draw.below(count))
                case 8: .star(draw.target())
                case 9: .route(Route(from: draw.target(), to: draw.target(), bothWays: draw.below(2) == 0))
                case 10: .chain
                default: .link(0, 1 + draw.below(count - 1))
                }
            scenario.add(at, .cut(cut, draw.interval(length)))
        }
    }

    static func drawCrashes(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let mean = draw.pick([Nanoseconds.seconds(3), .seconds(10), .seconds(30)])
        let down = draw.pick([Nanoseconds.milliseconds(50), .seconds(2), .seconds(10)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            // At times the whole site loses power at once.
            let isSite = draw.below(12) == 0
            let power = isSite || draw.below(2) == 0
            scenario.add(at, .crash(isSite ? .every : draw.target(), power: power, down: draw.interval(down)))
        }
    }

    static func drawBoundaryCrashes(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let mean = draw.pick([Nanoseconds.seconds(2), .seconds(8), .seconds(20)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            let boundary = draw.pick(Boundary.allCases)
            let power = draw.below(2) == 0
            let down = draw.below(2) == 0 ? draw.interval(.milliseconds(40)) : draw.interval(.seconds(3))
            scenario.add(
                at, .crashAt(draw.target(), boundary, skipping: draw.below(20), power: power, down: down))
        }
    }

    /// The quorum leader is cut off, and those who vote for the next one die of it and are back at once.
    static func drawElections(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(4), .seconds(12)])) { scenario, draw, at in
            scenario.add(at, .cut(.isolate(.quorumLeader), draw.interval(.seconds(3))))
            for node in 0..<count where draw.below(2) == 0 {
                let down = draw.between(.milliseconds(1), .milliseconds(60))
                scenario.add(
                    at, .crashAt(.node(node), .afterVote, skipping: 0, power: draw.below(2) == 0, down: down))
            }
        }
    }

    static func drawClogs(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: draw.pick([.seconds(6), .seconds(15)])) { scenario, draw, at in
            let route =
                draw.below(3) == 0 ? Route(from: draw.target(), to: .every) : Route.all(of: draw.target())
            scenario.add(at, .clog(route, draw.interval(.seconds(3))))
        }
    }

    static func drawSuspends(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: draw.pick([.seconds(8), .seconds(20)])) { scenario, draw, at in
            // Hours would make the run mostly sleep; they are drawn rarely, and the others go on meanwhile.
            let length: Nanoseconds =
                switch draw.below(12) {
                case 0: draw.between(.seconds(60), .hours(12))
                case 1...4: draw.between(.milliseconds(500), .seconds(5))
                default: draw.between(.seconds(5), .seconds(20))
                }
            scenario.add(at, .suspend(draw.target(), length))
        }
    }

    static func drawPauses(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: draw.pick([.seconds(5), .seconds(15)])) { scenario, draw, at in
            scenario.add(at, .freeze(draw.target(), draw.longTail(.milliseconds(700))))
        }
    }

    /// From a millisecond to ten years, and now and then another rate.
    static func drawWallJumps(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let rates = scenario.clocks.rates
        scenario.repeated(&draw, mean: .seconds(10)) { scenario, draw, at in
            let far = draw.pick([Nanoseconds.milliseconds(1), .seconds(60), .hours(24), .hours(24 * 3652)])
            scenario.add(at, .wallJump(.node(draw.node()), draw.between(-far, far)))
            if draw.below(2) == 0 { scenario.add(at, .rate(.node(draw.node()), draw.pick(rates))) }
        }
    }

    static func drawClients(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(1), .seconds(4), .seconds(12)])) { scenario, draw, at in
            let plan: ClientPlan =
                switch draw.below(10) {
                case 0...3: .sync
                case 4, 5: .handoff(to: draw.below(2) == 0 ? nil : draw.below(count))
                default:
                    .lock(
                        draw.below(2), ttl: draw.between(.seconds(1), .seconds(6)),
                        hold: draw.interval(.seconds(2)), waits: draw.below(2) == 0)
                }
            scenario.add(at, .client(.node(draw.below(count)), plan))
        }
    }

    static func drawRemoval(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 2, draw.below(2) == 0 else { return }
        let gone = draw.below(scenario.devices)
        let by = (gone + 1 + draw.below(scenario.devices - 1)) % scenario.devices
        let at = draw.between(.seconds(8), scenario.faultTime)
        scenario.add(at, .removeDevice(.node(gone), by: .node(by)))
        // Somebody who was removed asks again, or a friend for it.
        if draw.below(2) == 0 { scenario.add(at + draw.interval(.seconds(6)), .addDevice(gone)) }
    }

    static func drawStops(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: .seconds(15)) { scenario, draw, at in
            let target = draw.target()
            scenario.add(at, .stop(target))
            scenario.add(at + draw.interval(.seconds(5)), .restart(.every))
        }
    }
}
