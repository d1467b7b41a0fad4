import Primitives

// Classes of faults as a seed draws them: links, disks, replaced devices, users and writers, rules, what is beyond the
// model.

extension Scenario {
    static func drawLinkTroubles(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        let mean = draw.pick([Nanoseconds.seconds(5), .seconds(15)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            let route = Route(from: draw.target(), to: .every, bothWays: draw.below(2) == 0)
            let event: ScenarioEvent =
                switch draw.below(4) {
                case 0: .lossBurst(route, perMillion: draw.pick([300_000, 900_000]), draw.interval(.seconds(1)))
                case 1: .halfOpen(route, draw.interval(.seconds(8)))
                case 2: .connectHang(draw.target(), draw.interval(.seconds(5)))
                default: .addressChange(draw.target(), draw.interval(.seconds(2)))
                }
            scenario.add(at, event)
        }
    }

    static func drawStorms(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: .seconds(25)) { scenario, draw, at in
            let pause = draw.pick([Nanoseconds.milliseconds(50), .milliseconds(700), .seconds(2)])
            scenario.add(at, .restartStorm(draw.target(), times: 2 + draw.below(8), every: pause))
        }
    }

    static func drawSlowness(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: .seconds(15)) { scenario, draw, at in
            let perInput = draw.pick([Nanoseconds.milliseconds(2), .milliseconds(30), .milliseconds(250)])
            scenario.add(at, .slow(draw.target(), perInput: perInput, draw.interval(.seconds(5))))
        }
    }

    static func drawDisks(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: draw.pick([.seconds(6), .seconds(20)])) { scenario, draw, at in
            let target = draw.target()
            if draw.below(3) == 0 {
                scenario.add(at, .diskStall(target, draw.pick([.seconds(1), .seconds(10), .seconds(120)])))
            } else {
                let fault = draw.pick([DiskFault.syncFails, .full, .unwritable, .torn])
                scenario.add(at, .diskFault(target, fault, down: draw.interval(.seconds(2))))
            }
        }
    }

    /// A disk is gone, or rotten: another device takes its place.
    static func drawReplacement(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 1, draw.below(2) == 0 else { return }
        let at = draw.between(.seconds(5), scenario.faultTime)
        let node = draw.below(scenario.devices)
        if draw.below(3) == 0 {
            scenario.add(at, .diskFault(.node(node), .rot, down: draw.interval(.seconds(4))))
        } else {
            scenario.add(at, .wipe(.node(node), by: .node((node + 1) % scenario.devices)))
        }
    }

    static func drawLateDevice(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 1, draw.below(2) == 0 else { return }
        let late = scenario.devices - 1
        scenario.late = [late]
        scenario.add(draw.between(.seconds(3), scenario.faultTime), .addDevice(late))
    }

    static func drawUsers(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        scenario.repeated(&draw, mean: draw.pick([.seconds(2), .seconds(9)])) { scenario, draw, at in
            scenario.add(at, .user(.node(draw.node()), draw.pick(UserAction.allCases)))
        }
    }

    static func drawMisbehaviour(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.workload.gatedWriters > 0 else { return }
        scenario.repeated(&draw, mean: .seconds(12)) { scenario, draw, at in
            let fault = draw.pick(WriterFault.allCases)
            scenario.add(at, .writers(.node(draw.node()), fault, draw.interval(.seconds(6))))
        }
    }

    /// Faults at the worst moment.
    static func drawRules(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        for _ in 0...draw.below(3) {
            let trigger: Trigger =
                switch draw.below(10) {
                case 0...3: .round(draw.pick(RoundPoint.allCases))
                case 4: .leaderChange
                case 5: .quorumLeaderChange
                case 6: .membershipChange
                case 7: draw.pick([.gateClosing, .gateClosed, .captureTaken])
                case 8: .applyStep
                default: draw.pick([.lockGranted, .crash, .restart])
                }
            let delay = draw.pick([0, 0, draw.interval(.milliseconds(20)), draw.interval(.seconds(1))])
            scenario.rules.append(
                Rule(
                    on: trigger, ruleEvent(&draw), delay: delay, skipping: draw.below(12), times: 1 + draw.below(8)))
        }
    }

    private static func ruleEvent(_ draw: inout FaultDraw) -> ScenarioEvent {
        let down = draw.pick([Nanoseconds.milliseconds(10), .milliseconds(400), .seconds(5)])
        return switch draw.below(12) {
        case 0, 1: .suspend(.subject, draw.pick([.milliseconds(1500), .seconds(4), .seconds(45)]))
        case 2: .freeze(.subject, draw.interval(.seconds(3)))
        case 3, 4: .crash(.subject, power: draw.below(2) == 0, down: down)
        case 5: .crash(.others, power: draw.below(2) == 0, down: down)
        case 6: .cut(.isolate(.subject), draw.interval(.seconds(4)))
        case 7: .cut(.route(Route(from: .subject, to: .every)), draw.interval(.seconds(4)))
        case 8: .clog(Route(from: .every, to: .subject), draw.interval(.seconds(3)))
        case 9: .diskFault(.subject, draw.pick([.syncFails, .full, .torn]), down: down)
        case 10: .user(.subject, draw.pick(UserAction.allCases))
        default: .client(.subject, .handoff(to: nil))
        }
    }

    /// The sync leader, which does not lead the consensus, hears and says nothing for about as long as its lease: what
    /// it is told then is old, and so is what it asked for. Or the quorum leader that was to end that lease goes away
    /// itself, and is back with that wish.
    static func drawLateAnswers(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices > 1 else { return }
        let lease = scenario.timing.leaseTTL.wholeNanoseconds
        scenario.repeated(&draw, mean: draw.pick([lease * 4, lease * 10])) { scenario, draw, at in
            scenario.add(at, .client(.quorumLeader, .handoff(to: nil)))
            let begins = at + draw.between(.milliseconds(500), .seconds(2))
            let answers = Route(from: .quorumLeader, to: .leader)
            guard draw.below(2) == 0 else {
                return scenario.add(begins, .clog(answers, lease * 4 / 3 + draw.between(0, lease * 2 / 3)))
            }
            scenario.add(begins, .halfOpen(Route(from: .leader, to: .quorumLeader), lease + lease / 3))
            let away = begins + lease + draw.between(-lease * 2 / 5, -lease / 10)
            let back = away + lease / 2 + draw.between(0, lease)
            scenario.add(away, .cut(.isolate(.quorumLeader), back - away))
            scenario.add(back - .milliseconds(20), .clog(answers, lease / 2))
        }
    }

    /// Of two devices the one that votes goes on alone, and is removed by the other as soon as that is back.
    static func drawLonelyHead(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard scenario.devices == 2, draw.below(2) == 0 else { return }
        let at = draw.between(.seconds(8), max(scenario.faultTime - .seconds(15), .seconds(9)))
        scenario.add(at, .crash(.others, power: false, down: .seconds(6)))
        scenario.add(at + .seconds(2), .user(.node(0), .edit))
        scenario.add(at + .seconds(3), .client(.node(0), .sync))
        for number in 0..<8 {
            scenario.add(at + .seconds(6) + .milliseconds(Int64(number) * 60), .removeDevice(.node(0), by: .node(1)))
        }
    }

    /// There is a hub, at which people and the server do what they like.
    static func drawHub(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        var hub = HubConditions()
        hub.isAtomic = draw.below(4) != 0
        hub.delay = draw.pick([.around(.milliseconds(40)), .longTail(.milliseconds(150)), .around(.seconds(1))])
        if draw.below(2) == 0 { hub.refusals = draw.pick([20_000, 300_000]) }
        if draw.below(2) == 0 { hub.lostReplies = draw.pick([20_000, 300_000]) }
        scenario.hub = hub
        scenario.repeated(&draw, mean: draw.pick([.seconds(2), .seconds(8)])) { scenario, draw, at in
            let fault: HubFault =
                switch draw.below(12) {
                case 0: .refuses(draw.interval(.seconds(5)))
                case 1: .hangs(draw.pick([draw.interval(.seconds(4)), .seconds(80)]))
                case 2, 3: .losesReplies(1 + draw.below(3))
                case 4, 5: .forcedPush
                case 6: .fenceDeleted
                default: .foreignPush
                }
            scenario.add(at, .hub(fault))
        }
    }

    /// What no such system can stand. Few seeds, since little can be demanded of them.
    static func drawBeyond(_ scenario: inout Scenario, _ draw: inout FaultDraw) {
        guard draw.below(12) == 0 else { return }
        scenario.repeated(&draw, mean: .seconds(30)) { scenario, draw, at in
            let target = Target.node(draw.node())
            switch draw.below(3) {
            case 0: scenario.add(at, .rollback(target, age: draw.interval(.seconds(8))))
            case 1: scenario.add(at, .clone(target, draw.interval(.seconds(15))))
            default:
                scenario.add(at, .syncLies(target, .seconds(5)))
                scenario.add(at + .seconds(3), .crash(target, power: true, down: .seconds(1)))
            }
        }
    }
}
