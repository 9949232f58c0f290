"""The embedded sample: a synthetic outcome table in the likeness of MMR-Bench, for trying everything without data.

What it is. 1,000 instances for each of the seven multimodal datasets and of the three text-only ones, and the paper's
ten models. Questions are worded from templates, pictures are really drawn, answers are right for what is drawn.
No model was ever asked: which answers are right and what they cost comes from a latent-difficulty model. No conclusion
about any real model or dataset follows from it, and everything made from it is marked as synthetic.

Difficulty. Within a dataset the difficulty of an instance has mean 0 and variance 1 and consists of

| share of the variance in         | ocr  | general-vqa | math | text |
|----------------------------------|------|-------------|------|------|
| what is hard to read             | 0.40 | 0.35        | 0.45 | 0.75 |
| what is hard to see              | 0.35 | 0.40        | 0.25 | 0    |
| a hard text about a hard picture | 0.10 | 0.10        | 0.10 | 0    |
| noise that no feature knows      | 0.15 | 0.15        | 0.20 | 0.25 |

What is hard to read stands in the words: the number of further steps (half of it), formal wording (a quarter) and
stated exceptions (a quarter). What is hard to see is visible: clutter, lost contrast, lost sharpness and small print,
a quarter each. The third part is the product of the first two, so neither text nor picture alone tells it.

Outcomes. Each model feels the first three parts in its own measure; a standard deviation of 1.6 of difficulty stands
beside 0.4 (in ocr 0.6) for strengths in categories and 1 for luck, drawn for every model and instance anew. So routing
has something to gain from text, from pictures and from both together, and an oracle, which knows the luck, stays far
above. Utilities are 0 or 1; the share of ones is the accuracy that the model has to have on the dataset.

Costs. Output tokens are whole numbers, spread log-normally about the model's mean and longer for harder texts; cost is
tokens times the price of table S2. Prompt and image tokens are unknown, because the paper prices neither.

Published: the accuracies and mean output tokens of nine models on the seven datasets, and all prices.
Invented: everything else, namely gpt-5-nano's accuracies and tokens, which nobody published; all accuracies on the
text-only datasets but the best one of each (table 5), which is credited to gpt-5; how tokens vary from dataset to
dataset; the models' characters and strengths; the shares above; and every question, picture and answer.

Everything follows from fixed keys (`chance`), so all machines make the same table; pictures may differ in single
pixels where Pillow's versions do.
"""
