import Primitives
import Simulation
import Testing

@testable import ScenarioFiles

@Suite struct RoundTripTests {
    private static func read(_ text: String) throws -> ScenarioFile {
        try ScenarioParser.parse(path: "x.sim", bytes: Array(text.utf8))
    }

    @Test func `what is written is read as what it was, and written alike again`() throws {
        for seed in UInt64(1)...400 {
            var random = RandomFile(seed: seed)
            let file = random.file()
            let text = ScenarioFormat.text(file)
            let again = try Self.read(text)
            #expect(again == file, "seed \(seed)\n\(text)")
            #expect(ScenarioFormat.text(again) == text, "seed \(seed)")
        }
    }

    @Test func `a scenario of a seed becomes a file that comes to the same scenario`() throws {
        for seed in UInt64(1)...150 {
            var scenario = Scenario.drawn(seed: seed)
            scenario.names = (0..<scenario.devices).map(scenario.name(of:))
            let file = ScenarioFile(scenario, name: "of-a-seed")
            #expect(try Self.read(ScenarioFormat.text(file)).compile(seed: seed) == scenario, "seed \(seed)")
        }
    }

    @Test func `rules, hub and heal plan survive the file too`() throws {
        var scenario = Scenario(seed: 5, devices: 3, faultTime: .seconds(40))
        scenario.names = ["a", "b", "c"]
        scenario.learners = 1
        scenario.settings = []
        scenario.hub = HubConditions()
        scenario.heal = HealPlan(core: .majority, delay: .milliseconds(3))
        scenario.rules = [
            Rule(on: .round(.staged), .suspend(.subject, .seconds(45)), delay: .milliseconds(3), skipping: 2, times: 1),
            Rule(on: .leaderChange, .clog(Route(from: .every, to: .subject), .seconds(5))),
            Rule(on: .every(.seconds(9)), .user(.others, .rename)),
        ]
        let file = ScenarioFile(scenario, name: "rules")
        #expect(try Self.read(ScenarioFormat.text(file)).compile(seed: 5) == scenario)
    }

    @Test func `a line that is taken out does not shift what others draw`() throws {
        let head = "scenario x\ncluster a b c\nchaos 60s\n"
        let both = try Self.read(head + "at 1s..9s suspend any 1s..20s\nevery 2s..9s isolate any for 1s..4s\n")
        var one = both
        one.lines[0].action = Action("mend")
        let (with, without) = (both.compile(seed: 7), one.compile(seed: 7))
        let isCut = { (event: TimedEvent) in if case .cut = event.event { true } else { false } }
        #expect(with.events.filter(isCut) == without.events.filter(isCut))
        #expect(!with.events.filter(isCut).isEmpty)
    }

    @Test func `seeds differ, and each is always the same`() throws {
        let file = try Self.read("scenario x\ncluster a b c\nchaos 60s\nat 1s..50s suspend any 1s..20s\n")
        #expect(file.compile(seed: 1) == file.compile(seed: 1))
        #expect(Set((1...20).map { file.compile(seed: UInt64($0)).events }).count > 15)
    }

    @Test func `the example of the language is understood`() throws {
        let file = try Self.read(
            """
            scenario  leader-sleeps-between-check-and-publish
            about     The laptop leads, passes its lease check, sleeps 45 s, wakes and goes on.
            cluster   laptop desktop nas                    # voters; `learner phone`
            config    lease=10s heartbeat=100ms election=500ms..1s drift=200ppm
            workload  writers=2 rate=4/s ops=edit,create,delete,rename edits=0.2/s
            net       delay=exp(8ms,min=1ms) loss=0.5%
            chaos 120s
              when round.phase=staged as L   suspend L 45s
              on leader-change as L          clog *->L 5s
              at 80s                         wall desktop +1h
            heal core=majority delay=200ms
            expect always all
            expect within 115s converge
            expect sometimes stale-publish-refused
            expect never writers.paused > 20s
            seeds 1..2000
            """)
        let scenario = file.compile(seed: 3)
        #expect(scenario.rules.count == 2)
        #expect(scenario.rules[0] == Rule(on: .round(.staged), .suspend(.subject, .seconds(45))))
        #expect(scenario.network.loss == 5000)
        #expect(scenario.workload.userPause == .seconds(5))
        #expect(scenario.events == [TimedEvent(at: TrueTime(.seconds(80)), event: .wallJump(.node(1), .hours(1)))])
        #expect(file.seeds == 1...2000)
    }
}
