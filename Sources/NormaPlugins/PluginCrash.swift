import CSystem

/// What becomes of a program in which a plugin crashes.
public enum PluginCrash {
  /// From here on a crash in a plugin's code says on standard error whose code it was, in which function
  /// and how to look into it, before the process ends by the same signal.
  public static func nameThem() { norma_name_crashes() }
}
