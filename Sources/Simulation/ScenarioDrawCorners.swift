import DeviceCore
import Primitives

// Classes of faults as a seed draws them: people who stop syncing, and corners that other classes hardly come to.

extension Scenario {
    /// People stop syncing, here or everywhere, and mostly let it go on after a while.
    static func drawSyncStops(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard draw.below(2) == 0 else { return }
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(8), .seconds(25)])) { scenario, draw, at in
            let everywhere = draw.below(2) == 0
            let stop: ClientPlan =
                switch draw.below(6) {
                case 0, 1: .stop(.emergency, everywhere: true, nil)
                case 2, 3: .stop(.pause, everywhere: everywhere, draw.interval(.seconds(6)))
                default: .stop(.pause, everywhere: everywhere, nil)
                }
            scenario.add(at, .client(draw.target(), stop))
            guard draw.below(5) != 0 else { return }
            let who: Target = draw.below(2) == 0 ? .every : .node(draw.below(count))
            scenario.add(at + draw.interval(.seconds(4)), .client(who, .resume(everywhere: draw.below(3) != 0)))
        }
        guard draw.below(2) == 0 else { return }
        let (kind, length) = (draw.pick([StopOrder.Kind.pause, .emergency]), draw.interval(.seconds(3)))
        // An emergency stop has no end of its own.
        let stop = ClientPlan.stop(kind, everywhere: true, kind == .emergency ? nil : length)
        scenario.rules.append(
            Rule(
                on: .round(draw.pick(RoundPoint.allCases)), .client(.subject, stop), skipping: draw.below(12),
                times: 1 + draw.below(3)))
    }

    /// A quorum leader that is cut off goes on taking commands until it notices: its log parts from that of the others,
    /// who cut theirs meanwhile, so that a snapshot is all that helps it.
    static func drawDivergingTails(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 2, draw.below(2) == 0 else { return }
        scenario.compaction.after = draw.pick([8, 16])
        scenario.compaction.keeping = draw.pick([0, 1])
        scenario.repeated(&draw, mean: draw.pick([.seconds(8), .seconds(20)])) { scenario, draw, at in
            scenario.add(at, .cut(.isolate(.quorumLeader), draw.between(.seconds(3), .seconds(9))))
            let pause = draw.between(.milliseconds(4), .milliseconds(12))
            for number in 0..<(10 + draw.below(40)) {
                let lock = ClientPlan.lock(
                    2 + number, ttl: .seconds(2), hold: .milliseconds(500), waits: draw.below(2) == 0)
                scenario.add(at + .milliseconds(1) + pause * Int64(number), .client(.quorumLeader, lock))
            }
        }
    }

    /// While a publication is on its way, the votes go elsewhere.
    static func drawVoteMoves(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 3, draw.below(2) == 0 else { return }
        let count = scenario.devices
        scenario.repeated(&draw, mean: .seconds(15)) { scenario, draw, at in
            let (away, leaves) = (draw.below(count), draw.below(count))
            scenario.add(at, .cut(.isolate(.node(away)), draw.between(.seconds(5), .seconds(12))))
            scenario.add(at + .milliseconds(100), .client(.quorumLeader, .handoff(to: nil)))
            let held = at + .seconds(1) + draw.between(0, .seconds(2))
            scenario.add(held, .clog(Route(from: .leader, to: .quorumLeader), draw.between(.seconds(1), .seconds(4))))
            scenario.add(held + draw.between(0, .milliseconds(800)), .stop(.node(leaves)))
            scenario.add(held + .seconds(6), .restart(.every))
        }
    }

    /// A program that asks for more than the mesh remembers the answers of.
    static func drawChatter(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard draw.below(2) == 0 else { return }
        let chatterer = draw.node()
        scenario.repeated(&draw, mean: .seconds(20)) { scenario, draw, at in
            let pause = draw.between(.milliseconds(20), .milliseconds(120))
            for number in 0..<(40 + draw.below(60)) {
                let lock = ClientPlan.lock(
                    2 + draw.below(3), ttl: .seconds(1), hold: draw.between(0, pause * 2), waits: draw.below(2) == 0)
                scenario.add(at + pause * Int64(number), .client(.node(chatterer), lock))
            }
        }
    }

    /// Machines run on batteries that become low, and on links that cost.
    static func drawSupplies(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard draw.below(2) == 0 else { return }
        scenario.repeated(&draw, mean: .seconds(25)) { scenario, draw, at in
            scenario.add(at, .supply(draw.target(), draw.pick(Supply.allCases), draw.interval(.seconds(6))))
        }
    }

    /// Somebody removes a device just when the consensus has got a new leader.
    static func drawEarlyRemovals(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 2, draw.below(4) == 0 else { return }
        let gone = draw.below(scenario.devices)
        let by = (gone + 1 + draw.below(scenario.devices - 1)) % scenario.devices
        let (skipping, times) = (1 + draw.below(4), 1 + draw.below(2))
        for delay in [Nanoseconds.microseconds(10), .milliseconds(1), .milliseconds(4), .milliseconds(12)] {
            scenario.rules.append(
                Rule(
                    on: .quorumLeaderChange, .removeDevice(.node(gone), by: draw.below(2) == 0 ? .subject : .node(by)),
                    delay: delay, skipping: skipping, times: times))
        }
        for _ in 0..<3 {
            let at = draw.between(.seconds(5), scenario.faultTime)
            scenario.add(at, .cut(.isolate(.quorumLeader), draw.between(.seconds(2), .seconds(5))))
        }
    }
}
