public import NormaCore
public import NormaData
public import NormaNorms

/// How a lab runs its experiments: what the command line says, not the script.
public struct LabOptions {
  /// Settings changed from outside.
  public var overrides: [SettingOverride] = []
  /// At most this many steps a cell; nil for as many as the experiment says.
  public var steps: Int?
  /// Where results go; nil for a new folder below `runs`.
  public var out: String?
  /// Whether runs that the folder already holds are gone on with, and finished ones kept.
  public var resumes = false
  /// Steps between checkpoints; nil for one a minute.
  public var checkpointEvery: Int?
  /// How many cells run at a time; more than one in processes of their own, where they can be started.
  public var jobs = 1
  /// Starts the process of a cell.
  public var startCell: ((CellTask) throws(NormaError) -> any CellProcess)?
  /// The only cell to run, where this is the process of one, and what ends the process once it is done.
  public var only: (task: CellTask, end: () -> Never)?
  /// Whether anything is written.
  public var writes = true
  /// How many threads work; results do not depend on it.
  public var threads = 1
  /// Which executor runs the norms.
  public var executor = Executor.tiles
  /// Only says what would be done, after three timed steps.
  public var isDryRun = false
  /// Takes experiments for granted: for scripts that are read for the norms they define.
  public var onlyReads = false
  /// Is shown each experiment and its data instead of running it.
  public var survey: ((ExperimentSpec, DataSplits) throws(NormaError) -> Void)?
  /// Norma's version, for run folders.
  public var version = ""
  /// The machine's processor, for run folders.
  public var processor = ""
  /// Whether to stop; asked at every step.
  public var isInterrupted: () -> Bool = { false }
  /// Writes cells of a folder as a page to a path; without names the folder is the run.
  public var report:
    ((_ folder: String, _ cells: [String], _ path: String) throws(NormaError) -> Void)?
  /// The scripts that are running.
  public var sources: () -> [ScriptText] = { [] }
  /// Is told what happens.
  public var observer: (RunEvent) -> Void = { _ in }

  /// The defaults: one thread, results below `runs`, nobody listening.
  public init() {}
}
