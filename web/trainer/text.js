// Every word of the trainer's view.

/** @typedef {typeof WORDS.en} Words */

const WORDS = {
  en: {
    view: "Progress of the training",
    idle: "Press Run: the loss and the samples of the training appear here.",
    phases: {
      starting: "Starting",
      encoding: "Reading drawings",
      training: "Training",
      stopping: "Stopping after the current step",
      stopped: "Stopped and saved. Run continues from here.",
      failed: "Failed. The last saved checkpoint is kept.",
      finished: "Finished",
    },
    /** @type {(done: number, total: number) => string} */
    of: (done, total) => `${done} of ${total}`,
    /** @type {(done: number, total: number) => string} */
    step: (done, total) => `step ${done} of ${total}`,
    /** @type {(time: string) => string} */
    left: (time) => `${time} left`,
    /** @type {(hours: number, minutes: number) => string} */
    hours: (hours, minutes) => `${hours} h ${minutes} min`,
    /** @type {(minutes: number, seconds: number) => string} */
    minutes: (minutes, seconds) => `${minutes} min ${seconds} s`,
    /** @type {(seconds: number) => string} */
    seconds: (seconds) => `${seconds} s`,
    /** @type {(gigabytes: number) => string} */
    memory: (gigabytes) => `${gigabytes} GB`,
    memoryTip: "Peak memory so far: of the GPU if there is one",
    loss: "Loss: each step pale, their average dark",
    sheet: "Two rows per sample: without the LoRA above, with it below. Click for full size",
    /** @type {(step: number) => string} */
    sampled: (step) => `Samples after step ${step}: without the LoRA above, with it below`,
    /** @type {(ratio: number) => string} */
    motion: (ratio) => `Motion: ${ratio} times that of the base model`,
    folder: "Training folder",
    /** @type {Record<string, string>} by the name of an input */
    placeholders: {
      sample_prompts: "Sample prompts, one per line; empty: two of the captions",
      options: "Other options, one per line: name = value",
    },
  },
  zh: {
    view: "训练进展",
    idle: "按下运行：训练的损失和样片会显示在这里。",
    phases: {
      starting: "正在启动",
      encoding: "正在读取画稿",
      training: "正在训练",
      stopping: "完成这一步后停止",
      stopped: "已停止并保存。再次运行会从这里继续。",
      failed: "失败。最后保存的检查点仍然保留。",
      finished: "已完成",
    },
    /** @type {(done: number, total: number) => string} */
    of: (done, total) => `${done} / ${total}`,
    /** @type {(done: number, total: number) => string} */
    step: (done, total) => `第 ${done} 步，共 ${total} 步`,
    /** @type {(time: string) => string} */
    left: (time) => `还需 ${time}`,
    /** @type {(hours: number, minutes: number) => string} */
    hours: (hours, minutes) => `${hours} 小时 ${minutes} 分`,
    /** @type {(minutes: number, seconds: number) => string} */
    minutes: (minutes, seconds) => `${minutes} 分 ${seconds} 秒`,
    /** @type {(seconds: number) => string} */
    seconds: (seconds) => `${seconds} 秒`,
    /** @type {(gigabytes: number) => string} */
    memory: (gigabytes) => `${gigabytes} GB`,
    memoryTip: "迄今占用最多的内存：有显卡时为显存",
    loss: "损失：浅色为每一步，深色为平均",
    sheet: "每个样片两行：上为不用 LoRA，下为使用 LoRA。点击查看原尺寸",
    /** @type {(step: number) => string} */
    sampled: (step) => `第 ${step} 步后的样片：上为不用 LoRA，下为使用 LoRA`,
    /** @type {(ratio: number) => string} */
    motion: (ratio) => `动态为基础模型的 ${ratio} 倍`,
    folder: "训练文件夹",
    placeholders: {
      sample_prompts: "样片提示词，每行一条；留空：取两条说明",
      options: "其他选项，每行一条：name = value",
    },
  },
  ja: {
    view: "学習の経過",
    idle: "実行を押すと、学習の損失とサンプルがここに現れます。",
    phases: {
      starting: "開始しています",
      encoding: "絵を読み込んでいます",
      training: "学習中",
      stopping: "このステップで止まります",
      stopped: "止めて保存しました。もう一度実行すると続きから始まります。",
      failed: "失敗しました。最後に保存したチェックポイントは残っています。",
      finished: "完了",
    },
    /** @type {(done: number, total: number) => string} */
    of: (done, total) => `${done} / ${total}`,
    /** @type {(done: number, total: number) => string} */
    step: (done, total) => `ステップ ${done} / ${total}`,
    /** @type {(time: string) => string} */
    left: (time) => `残り ${time}`,
    /** @type {(hours: number, minutes: number) => string} */
    hours: (hours, minutes) => `${hours} 時間 ${minutes} 分`,
    /** @type {(minutes: number, seconds: number) => string} */
    minutes: (minutes, seconds) => `${minutes} 分 ${seconds} 秒`,
    /** @type {(seconds: number) => string} */
    seconds: (seconds) => `${seconds} 秒`,
    /** @type {(gigabytes: number) => string} */
    memory: (gigabytes) => `${gigabytes} GB`,
    memoryTip: "これまでの最大メモリ。GPU があればその VRAM",
    loss: "損失：淡い点は各ステップ、濃い線は平均",
    sheet: "サンプルごとに二段：上は LoRA なし、下は LoRA あり。クリックで原寸",
    /** @type {(step: number) => string} */
    sampled: (step) => `ステップ ${step} のサンプル：上は LoRA なし、下は LoRA あり`,
    /** @type {(ratio: number) => string} */
    motion: (ratio) => `動きはベースモデルの ${ratio} 倍`,
    folder: "学習フォルダ",
    placeholders: {
      sample_prompts: "サンプルのプロンプト。1 行に 1 つ。空欄：説明文から 2 つ",
      options: "そのほかのオプション。1 行に 1 つ：name = value",
    },
  },
};

/**
 * @param {string} locale such as "zh-TW"
 * @returns {Words}
 */
export const wordsOf = (locale) => new Map(Object.entries(WORDS)).get(locale.slice(0, 2)) ?? WORDS.en;

/**
 * 40 s, 3 min 20 s, 1 h 5 min.
 * @param {number} seconds
 * @param {Words} words
 */
export function duration(seconds, words) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return words.seconds(whole);
  if (whole < 3600) return words.minutes(Math.floor(whole / 60), whole % 60);
  return words.hours(Math.floor(whole / 3600), Math.floor((whole % 3600) / 60));
}
